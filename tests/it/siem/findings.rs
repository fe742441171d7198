//! Findings as alerts: what a SIEM sorts by, what it joins by, and what an analyst reads first.

use cryoscope::Checkpoint;
use cryoscope::formats::Format;
use serde_json::{Value, json};

use super::{Ecs, Ocsf, documents_of};
use crate::fixtures;

/// The documents of the findings of the known compromise.
fn findings(format: Format) -> Vec<Value> {
    let checkpoint = Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap();
    let all = documents_of(&checkpoint, format, usize::MAX);
    all.into_iter().filter(|(table, _)| *table == "findings").flat_map(|(_, documents)| documents).collect()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn a_finding_is_an_alert_of_ecs_with_its_technique_process_and_connection() {
    let (ecs, documents) = (Ecs::new(), findings(Format::ECS));
    let shell = |document: &&Value| document["rule"]["id"] == "PROC-005" && document["process"]["vpid"] == 11;
    let document = documents.iter().find(shell).unwrap();
    ecs.check("findings", document);
    let event = &document["event"];
    assert_eq!((&event["kind"], &event["action"]), (&json!("alert"), &json!("reverse_shell")));
    assert_eq!((&event["severity"], &event["category"]), (&json!(99), &json!(["intrusion_detection", "process"])));
    assert!(event["risk_score"].as_f64().is_some_and(|score| score >= 90.0), "{event}");
    assert_eq!(event["reason"], document["message"]);
    let rule = &document["rule"];
    assert_eq!(
        (&rule["name"], &rule["category"], &rule["ruleset"]),
        (&json!("reverse_shell"), &json!("PROC"), &json!("cryoscope"))
    );
    assert_eq!(rule["version"], "2");
    let id = document["cryoscope"]["finding"]["id"].as_str().unwrap();
    assert!(id.len() == 32 && id != event["id"].as_str().unwrap(), "the id of the row is another one");
    assert!(document["process"]["command_line"].is_string() && document["process"]["parent"]["name"].is_string());
    assert_eq!(document["destination"], json!({ "address": "203.0.113.66", "ip": "203.0.113.66", "port": 4444 }));
    assert!(list(&document["related"]["ip"]).contains(&"203.0.113.66"), "{document}");
}

#[test]
fn sub_techniques_stand_apart_and_the_lists_are_parallel() {
    let mut with_parts = 0;
    for document in findings(Format::ECS) {
        let Some(threat) = document.get("threat") else { continue };
        assert_eq!(threat["framework"], "MITRE ATT&CK");
        let (technique, tactic) = (&threat["technique"], &threat["tactic"]);
        let part = technique.get("subtechnique");
        with_parts += usize::from(part.is_some());
        for object in [Some(technique), Some(tactic), part].into_iter().flatten() {
            let [ids, names, links] = ["id", "name", "reference"].map(|name| list(&object[name]));
            assert!(ids.len() == names.len() && ids.len() == links.len() && !ids.is_empty(), "{threat}");
            assert!(links.iter().all(|link| link.starts_with("https://attack.mitre.org/")), "{threat}");
        }
        assert!(list(&technique["id"]).iter().all(|id| !id.contains('.')), "{threat}");
        for id in part.map(|part| list(&part["id"])).unwrap_or_default() {
            let whole = id.split_once('.').unwrap().0;
            assert!(list(&technique["id"]).contains(&whole), "{threat}");
        }
    }
    assert!(with_parts > 5, "{with_parts}");
}

#[test]
fn mild_findings_are_no_alerts() {
    let mut seen = [0, 0];
    for document in findings(Format::ECS) {
        let severity = document["cryoscope"]["finding"]["severity"].as_str().unwrap();
        let is_alert = matches!(severity, "medium" | "high" | "critical");
        assert_eq!(document["event"]["kind"], if is_alert { "alert" } else { "event" });
        let number = document["event"]["severity"].as_u64().unwrap();
        assert_eq!(is_alert, number >= 47, "{severity} {number}");
        seen[usize::from(is_alert)] += 1;
    }
    assert!(seen[1] > 10, "{seen:?}");
}

#[test]
fn a_finding_is_a_detection_finding_of_ocsf() {
    let (ocsf, events) = (Ocsf::new(), findings(Format::OCSF));
    let shell = |event: &&Value| event["finding_info"]["analytic"]["uid"] == "PROC-005";
    let event = events.iter().find(shell).unwrap();
    ocsf.check(event);
    assert_eq!((&event["class_uid"], &event["type_uid"]), (&json!(2004), &json!(200_401)));
    assert_eq!((&event["severity_id"], &event["is_alert"], &event["status"]), (&json!(5), &json!(true), &json!("New")));
    let info = &event["finding_info"];
    assert_eq!(info["uid"], event["unmapped"]["id"]);
    assert_eq!((&info["analytic"]["name"], &info["desc"]), (&json!("reverse_shell"), &event["message"]));
    let attack = &info["attacks"][0];
    assert_eq!(attack["sub_technique"]["uid"].as_str().unwrap().split_once('.').unwrap().0, attack["technique"]["uid"]);
    let evidence = &event["evidences"][0];
    assert_eq!((&evidence["verdict"], &evidence["process"]["name"]), (&json!("Suspicious"), &json!("sh")));
    let observed: Vec<&str> =
        event["observables"].as_array().unwrap().iter().filter_map(|o| o["value"].as_str()).collect();
    assert!(observed.contains(&"203.0.113.66"), "{event}");
    assert_eq!(event["resources"][0]["type"], "container");
}

#[test]
fn timesketch_and_splunk_have_the_sentence_and_the_connection() {
    let of_rule = |event: &&Value| event["rule"] == "PROC-005";
    let events = findings(Format::TIMESKETCH);
    let event = events.iter().find(of_rule).unwrap();
    assert!(event["message"].as_str().unwrap().contains("PROC-005") && event["sentence"].is_string(), "{event}");
    assert_eq!((&event["dst_ip"], &event["dst_port"]), (&json!("203.0.113.66"), &json!(4444)));
    let events = findings(Format::HEC);
    let event = events.iter().map(|event| &event["event"]).find(of_rule).unwrap();
    assert_eq!((&event["remote_address"], &event["severity"]), (&json!("203.0.113.66"), &json!("critical")));
}
