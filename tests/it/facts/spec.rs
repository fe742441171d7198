//! Specifications that say nothing of what the images show, or something else.

use serde_json::{Value, json};

use super::rows;
use crate::archives::Members;
use crate::command::run_with;
use crate::fixtures;

/// The archive of a case with another specification.
fn with_spec(case: &str, spec: &Value) -> Members {
    let mut members = Members::of(&fixtures::archive_of(case));
    members.set("spec.dump", spec.to_string());
    members
}

/// The specification of a case, changed.
fn changed(case: &str, change: impl FnOnce(&mut Value)) -> Members {
    let members = Members::of(&fixtures::archive_of(case));
    let mut spec = serde_json::from_slice(members.get("spec.dump")).unwrap();
    change(&mut spec);
    with_spec(case, &spec)
}

/// Value and whether it is unusual, of a fact.
fn fact(members: &Members, fact: &str, item: Option<&str>) -> (Value, Value) {
    let rows = rows(&members.open(), "isolation");
    let row = rows.iter().find(|row| row["fact"] == fact && item.is_none_or(|item| row["item"] == item));
    let row = row.unwrap_or_else(|| panic!("{fact} {item:?}"));
    (row["value"].clone(), row["unusual"].clone())
}

#[test]
fn where_the_specification_says_nothing_the_images_decide() {
    for spec in [json!({}), json!({"linux": {}}), json!({"linux": null, "process": null})] {
        let own = with_spec("files", &spec);
        for kind in ["pid", "network", "mount", "ipc", "uts"] {
            assert_eq!(fact(&own, "namespace", Some(kind)), (json!("own"), json!(false)), "{kind} {spec}");
        }
        assert_eq!(fact(&own, "seccomp", None).1, json!(false), "{spec}: the first process has a filter");
        assert_eq!(fact(&own, "masked_path", Some("/proc/keys")), (json!("yes"), json!(false)), "{spec}");
        assert_eq!(fact(&own, "read_only_path", Some("/proc/sys")), (json!("yes"), json!(false)), "{spec}");
        let shown = run_with(&own.tar(), ["inspect", "-"]).out;
        let line = shown.lines().find(|line| line.contains("isolation")).unwrap_or_default();
        assert!(!line.contains("of the host") && !line.contains("no seccomp"), "{line}");

        let of_host = with_spec("host-net", &spec);
        assert_eq!(fact(&of_host, "namespace", Some("network")), (json!("host"), json!(true)), "{spec}");
    }
}

#[test]
fn what_neither_the_specification_nor_the_images_tell_is_null() {
    let nothing = (Value::Null, Value::Null);
    let mut members = with_spec("files", &json!({}));
    members.0.retain(|member| !member.name.starts_with("checkpoint/ids-") && !member.name.contains("/core-"));
    for (name, item) in [("namespace", Some("pid")), ("seccomp", None), ("no_new_privs", None), ("masked_path", None)] {
        assert_eq!(fact(&members, name, item), nothing, "{name}");
    }
    let declared = rows(&with_spec("files", &json!({})).open(), "declared");
    let unequal: Vec<&Value> = declared.iter().filter(|row| row["equal"] == false).collect();
    assert!(unequal.is_empty(), "nothing is declared, so nothing differs: {unequal:?}");
}

#[test]
fn where_specification_and_images_disagree_both_are_said() {
    let pid_of_host = changed("files", |spec| {
        let list = spec["linux"]["namespaces"].as_array_mut().unwrap();
        list.retain(|namespace| namespace["type"] != "pid");
    });
    let (value, unusual) = fact(&pid_of_host, "namespace", Some("pid"));
    assert_eq!((value, unusual), (json!("host by the specification, own by the images"), json!(false)));
    let own_network = changed("host-net", |spec| {
        spec["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "network"}));
    });
    let (value, unusual) = fact(&own_network, "namespace", Some("network"));
    assert_eq!((value, unusual), (json!("own by the specification, host by the images"), json!(true)));
    let no_filter = changed("files", |spec| drop(spec["linux"].as_object_mut().unwrap().remove("seccomp")));
    let (value, unusual) = fact(&no_filter, "seccomp", None);
    assert_eq!((value, unusual), (json!("none by the specification, filter by the images"), json!(false)));
}
