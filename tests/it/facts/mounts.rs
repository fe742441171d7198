//! Options of mounts.

use cryoscope::images::proto::MntEntry;
use cryoscope::proc_view::{Content, files};
use serde_json::json;

use super::rows;
use crate::archives::Members;
use crate::fixtures;

const LABEL: &str = r#"context="system_u:object_r:container_file_t:s0:c31,c779""#;

#[test]
fn a_label_with_commas_is_one_option_and_mountinfo_stays_as_it_was() {
    let mut members = Members::of(&fixtures::archive_of("files"));
    let name = members.0.iter().find(|m| m.name.contains("mountpoints-")).unwrap().name.clone();
    members.edit(&name, |_, mount: &mut MntEntry| {
        mount.options = Some(format!("{LABEL},size=64k").into_bytes());
    });
    let checkpoint = members.open();
    let mounts = rows(&checkpoint, "mounts");
    let of_images: Vec<_> = mounts.iter().filter(|row| row["from"] == "image").collect();
    assert!(!of_images.is_empty());
    for row in of_images {
        let options = row["options"].as_array().unwrap();
        assert!(options.contains(&json!(LABEL)) && options.contains(&json!("size=64k")), "{row}");
        assert!(!options.iter().any(|option| option.as_str().unwrap().starts_with("c779")), "{row}");
    }
    for (name, end) in [("1/mountinfo", format!(",{LABEL},size=64k")), ("1/mounts", format!("{LABEL},size=64k 0 0"))] {
        let file = files(&checkpoint).into_iter().find(|file| file.path == name).unwrap();
        let Content::Bytes(text) = file.content else { panic!("a link") };
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.ends_with(&end)), "{text}");
    }
}
