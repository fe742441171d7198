//! What engines and CRIU say of the container as a whole.

use cryoscope::images::proto::{InventoryEntry, PluginsEntry};
use serde_json::{Value, json};

use super::rows;
use crate::archives::Members;
use crate::command::run_with;
use crate::fixtures;

fn logs() -> Members {
    Members::of(&fixtures::archive_of("crio-logs"))
}

fn with_config(change: impl FnOnce(&mut Value)) -> Members {
    let mut members = logs();
    let mut config = serde_json::from_slice(members.get("config.dump")).unwrap();
    change(&mut config);
    members.set("config.dump", config.to_string());
    members
}

fn container(members: &Members) -> Value {
    rows(&members.open(), "container").remove(0)
}

#[test]
fn a_container_that_had_been_restored_says_so_and_when() {
    const TIME: &str = "2026-11-23T11:40:00.500000000Z";
    let restored = with_config(|config| {
        config["restored"] = json!(true);
        config["restoredTime"] = json!(TIME);
    });
    let row = container(&restored);
    assert_eq!((&row["restored"], &row["restored_at"]), (&json!(true), &json!(TIME)));
    let shown = run_with(&restored.tar(), ["inspect", "-"]).out;
    assert!(shown.contains("restored      2026-11-23 11:40:00 UTC, from another checkpoint"), "{shown}");

    let without_time = with_config(|config| {
        config["restored"] = json!(true);
        config["restoredTime"] = json!("0001-01-01T00:00:00Z");
    });
    let row = container(&without_time);
    assert_eq!((&row["restored"], &row["restored_at"]), (&json!(true), &Value::Null), "Go's zero time is none");
    assert!(run_with(&without_time.tar(), ["inspect", "-"]).out.contains("restored      from another checkpoint"));

    let contradicted = with_config(|config| {
        config["restored"] = json!(false);
        config["restoredTime"] = json!(TIME);
    });
    let row = container(&contradicted);
    assert_eq!((&row["restored"], &row["restored_at"]), (&json!(false), &Value::Null));
    let ran = run_with(&contradicted.tar(), ["inspect", "-"]);
    assert!(!ran.out.contains("  restored ") && ran.err.contains("restored is false, but restoredTime is"), "{ran:?}");

    let row = container(&logs());
    assert_eq!((&row["restored"], &row["restored_at"]), (&json!(false), &Value::Null));
    assert!(!run_with(&logs().tar(), ["inspect", "-"]).out.contains("  restored "));
    let silent = with_config(|config| {
        let config = config.as_object_mut().unwrap();
        config.retain(|key, _| !key.starts_with("restored"));
    });
    assert_eq!(container(&silent)["restored"], Value::Null);
}

#[test]
fn plugins_of_criu_say_that_the_state_of_gpus_is_inside() {
    let with = |plugins: Option<&[&str]>| {
        let mut members = logs();
        members.edit("checkpoint/inventory.img", |_, inventory: &mut InventoryEntry| {
            let entry =
                |names: &[&str]| PluginsEntry { plugins: names.iter().map(|n| n.as_bytes().to_vec()).collect() };
            inventory.plugins_entry = plugins.map(entry);
        });
        members
    };
    let shown = |members: &Members| run_with(&members.tar(), ["inspect", "-"]).out;
    let cuda = with(Some(&["cuda_plugin", "other_plugin"]));
    assert_eq!(container(&cuda)["criu_plugins"], json!(["cuda_plugin", "other_plugin"]));
    let text = shown(&cuda);
    assert!(text.contains("plugins       with GPU state: cuda_plugin · other_plugin"), "{text}");
    let none = with(Some(&[]));
    assert_eq!(container(&none)["criu_plugins"], json!([]));
    assert!(!shown(&none).contains("  plugins "));

    let mut old = with(None);
    assert_eq!(container(&old)["criu_plugins"], Value::Null, "not recorded");
    old.set("checkpoint/amdgpu-kfd-7.img", b"\0\0\0\0\0\0\0\0".as_slice());
    assert_eq!(container(&old)["criu_plugins"], json!(["amdgpu_plugin"]), "by its images");
}
