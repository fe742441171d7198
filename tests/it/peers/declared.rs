//! What was declared, and what was.

use std::collections::BTreeSet;

use cryoscope::images::proto::CoreEntry;
use cryoscope::tables::DeclaredFact;
use cryoscope::{Checkpoint, Code};

use super::{codes, open, reference};

/// The facts of a checkpoint that differ, as `fact` or `fact item`.
fn differences(checkpoint: &Checkpoint) -> BTreeSet<String> {
    let differ = checkpoint.rows().declared().filter(|row| row.equal == Some(false));
    differ.map(|row| name(&row)).collect()
}

fn name(row: &DeclaredFact) -> String {
    row.item.as_ref().map_or_else(|| row.fact.to_owned(), |item| format!("{} {item}", row.fact))
}

/// W58: peers show names, mounts and annotations of what was declared, and hold nothing of it against what was.
#[test]
fn what_was_declared_is_held_against_what_was() {
    let untouched = reference().open();
    // The runtime fills in an empty home directory.
    assert_eq!(differences(&untouched), BTreeSet::from(["env HOME".to_owned()]));
    let compared: BTreeSet<_> =
        untouched.rows().declared().filter(|row| row.equal == Some(true)).map(|row| row.fact).collect();
    for fact in
        ["argv", "env", "cwd", "uid", "gid", "umask", "capabilities", "rlimit", "no_new_privs", "hostname", "mount"]
    {
        assert!(compared.contains(fact), "{fact} is not compared: {compared:?}");
    }

    // One fact of each kind is changed, on either side.
    let mut members = reference();
    members.edit("checkpoint/core-1.img", |_, core: &mut CoreEntry| {
        let creds = core.thread_core.as_mut().unwrap().creds.as_mut().unwrap();
        (creds.euid, creds.cap_eff[0]) = (Some(1000), creds.cap_eff[0] | 1 << 21);
        core.tc.as_mut().unwrap().rlimits.as_mut().unwrap().rlimits[7].cur = Some(5);
    });
    let mut spec: serde_json::Value = serde_json::from_slice(members.get("spec.dump")).unwrap();
    spec["process"]["args"][1] = "three".into();
    spec["process"]["cwd"] = "/srv".into();
    spec["process"]["env"].as_array_mut().unwrap().retain(|entry| !entry.as_str().unwrap().starts_with("GREETING="));
    spec["process"]["env"].as_array_mut().unwrap().push("GONE=1".into());
    spec["process"]["noNewPrivileges"] = true.into();
    spec["hostname"] = "other".into();
    spec["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != "/etc/hosts");
    let missing = serde_json::json!({"destination": "/nowhere", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]});
    spec["mounts"].as_array_mut().unwrap().push(missing);
    members.set("spec.dump", spec.to_string());
    let changed = members.open();
    let expected = [
        "argv",
        "capabilities effective",
        "cwd",
        "env GONE",
        "env GREETING",
        "env HOME",
        "hostname",
        "mount /etc/hosts",
        "mount /nowhere",
        "no_new_privs",
        "rlimit RLIMIT_NOFILE",
        "uid",
    ];
    assert_eq!(differences(&changed), expected.iter().map(|name| (*name).to_owned()).collect());
    let added =
        changed.rows().capabilities().find(|row| row.pid.is_some() && row.capability_set == "effective").unwrap();
    assert_eq!(added.added.unwrap(), ["CAP_SYS_ADMIN"]);
}

/// W58: where nothing was declared, nothing is made up.
#[test]
fn without_a_specification_nothing_was_declared() {
    let mut members = reference();
    members.remove("spec.dump");
    members.remove("config.dump");
    let bare = members.open();
    assert_eq!(bare.rows().declared().count() + bare.rows().isolation().count() + bare.rows().devices().count(), 0);
    assert!(bare.rows().capabilities().all(|row| row.pid.is_some() && row.added.is_none() && row.missing.is_none()));

    let mut without_pages = reference();
    for pages in ["checkpoint/pages-2.img", "checkpoint/pages-3.img"] {
        without_pages.remove(pages);
    }
    let without_pages = without_pages.open();
    let unknown = |row: &DeclaredFact| matches!(row.fact, "argv" | "env");
    assert!(without_pages.rows().declared().filter(unknown).all(|row| row.equal.is_none()), "lost is not different");
}

/// W58: what a container was allowed can be picked out.
#[test]
fn unusual_permissions_stand_out() {
    let unusual = |checkpoint: &Checkpoint| -> BTreeSet<String> {
        let rows = checkpoint.rows().isolation().filter(|row| row.unusual == Some(true));
        rows.map(|row| format!("{} {}", row.fact, row.item.unwrap_or_default())).collect()
    };
    assert!(unusual(&reference().open()).is_empty(), "an ordinary container");
    assert!(unusual(&open("host-net")).contains("namespace network"));

    let mut members = reference();
    let mut spec: serde_json::Value = serde_json::from_slice(members.get("spec.dump")).unwrap();
    let linux = spec["linux"].as_object_mut().unwrap();
    linux.remove("seccomp");
    linux["namespaces"].as_array_mut().unwrap().retain(|namespace| namespace["type"] != "pid");
    linux.insert("maskedPaths".into(), serde_json::json!([]));
    linux.insert("devices".into(), serde_json::json!([{"path": "/dev/kvm", "type": "c", "major": 10, "minor": 232}]));
    linux["resources"] = serde_json::json!({"devices": [{"allow": true, "access": "rwm"}]});
    spec["process"]["capabilities"]["bounding"].as_array_mut().unwrap().push("CAP_SYS_ADMIN".into());
    spec["process"]["apparmorProfile"] = "unconfined".into();
    let socket = serde_json::json!({
        "destination": "/var/run/docker.sock", "type": "bind", "source": "/var/run/docker.sock", "options": ["rbind"]
    });
    spec["mounts"].as_array_mut().unwrap().push(socket);
    members.set("spec.dump", spec.to_string());
    let mut config: serde_json::Value = serde_json::from_slice(members.get("config.dump")).unwrap();
    config["privileged"] = true.into();
    members.set("config.dump", config.to_string());
    let expected = [
        "apparmor ",
        "capability_added CAP_SYS_ADMIN",
        "device /dev/kvm",
        "device_rule 0",
        "host_mount /var/run/docker.sock",
        "masked_path ",
        "privileged ",
    ];
    // The images show a pid namespace of its own and a filter, whatever the specification says.
    assert_eq!(unusual(&members.open()), expected.iter().map(|name| (*name).to_owned()).collect());
}

/// W58: a document of wrong types costs what is wrong in it.
#[test]
fn a_specification_of_wrong_types_is_read_as_far_as_it_goes() {
    let mut members = reference();
    let spec = serde_json::json!({
        "process": {"args": "sh", "env": [1, null, "A=1"], "cwd": 7, "user": {"uid": -1, "gid": "x"},
            "capabilities": {"bounding": "all", "effective": ["CAP_CHOWN", "CAP_NONE", 3]}, "rlimits": [{}, 5, null]},
        "mounts": [{"destination": "/a"}],
        "linux": {"namespaces": [{"type": 5}, {}], "devices": [{"major": 1}, 3], "resources": {"devices": [1, {}]},
            "seccomp": {"syscalls": 5}, "maskedPaths": {}, "sysctl": {"a": 1}, "uidMappings": [{"hostID": 1}]}
    });
    members.set("spec.dump", spec.to_string());
    let checkpoint = members.open();
    assert!(checkpoint.rows().declared().count() > 10 && checkpoint.rows().isolation().count() > 10);
    assert_eq!(checkpoint.rows().devices().map(|row| row.kind).collect::<Vec<_>>(), ["rule", "rule"]);
    assert!(codes(&checkpoint).contains(&Code::JsonUnexpected));
}

/// W59: peers ignore `seccomp.img` and `cgroup.img`.
#[test]
fn filters_and_control_groups_are_shown() {
    let checkpoint = reference().open();
    assert!(checkpoint.rows().seccomp_filters().all(|row| row.allowed.is_some()));
    assert!(checkpoint.rows().seccomp_instructions().any(|row| row.comment.as_deref() == Some("execve")));
    assert!(
        checkpoint.rows().cgroups().any(|row| row.path.is_some_and(|path| path.starts_with(b"/libpod_parent/libpod-")))
    );
    let of_pids = |row: &cryoscope::tables::CgroupProperty| row.name.as_ref().is_some_and(|name| name == "pids.max");
    assert!(checkpoint.rows().cgroup_properties().any(|row| of_pids(&row)));
}

/// W59: filters that contradict themselves cost what is wrong with them.
#[test]
fn filters_that_cannot_be_are_warned_of() {
    use cryoscope::images::proto::{SeccompEntry, SeccompFilter};
    let filter = |bytes: &[u8], prev| SeccompFilter { filter: Some(bytes.to_vec()), prev, flags: None };
    let allow = [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f];
    let refuse = [0x06, 0, 0, 0, 1, 0, 5, 0];
    let mut members = reference();
    members.edit("checkpoint/seccomp.img", |_, entry: &mut SeccompEntry| {
        let (itself, cut, jumps_out) = (Some(0), &allow[..7], [0x05, 0, 0, 0, 9, 0, 0, 0]);
        entry.seccomp_filters = vec![
            filter(&allow, itself),
            filter(&refuse, Some(0)),
            filter(cut, Some(u32::MAX)),
            filter(&jumps_out, Some(2)),
            filter(&allow, None),
        ];
    });
    members.edit("checkpoint/core-1.img", |_, core: &mut CoreEntry| {
        core.thread_core.as_mut().unwrap().seccomp_filter = Some(1);
    });
    members.edit("checkpoint/core-6.img", |_, core: &mut CoreEntry| {
        core.thread_core.as_mut().unwrap().seccomp_filter = Some(77);
    });
    let checkpoint = members.open();
    let filters: Vec<_> = checkpoint.rows().seccomp_filters().collect();
    let column = |of: fn(&cryoscope::tables::SeccompFilter) -> Option<u64>| filters.iter().map(of).collect::<Vec<_>>();
    assert_eq!(column(|row| row.previous), [None, Some(0), None, Some(2), None]);
    assert_eq!(column(|row| row.same_as), [None, None, None, None, Some(0)]);
    assert_eq!(column(|row| row.instructions), [Some(1), Some(1), None, Some(1), Some(1)]);
    assert_eq!(column(|row| row.refused.map(|count| count.min(1))), [Some(0), Some(1), None, None, Some(0)]);
    let bound: Vec<Vec<u32>> = filters.iter().map(|row| row.pids.iter().map(|pid| pid.0).collect()).collect();
    assert_eq!(bound, [vec![1], vec![1], vec![], vec![], vec![]], "a filter binds what the later ones bind");
    let together = checkpoint.rows().seccomp_rules().find(|row| row.filter == 1 && row.with_previous).unwrap();
    assert_eq!((together.actions.len(), together.actions[0].as_ref()), (1, "errno(EPERM)"));
    assert_eq!(codes(&checkpoint).iter().filter(|&&code| code == Code::FilterInvalid).count(), 5);
}
