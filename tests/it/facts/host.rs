//! The rare images about the host: each column holds the field of its name. Every field has a value of its own, so a swap of
//! any two shows.

use cryoscope::Checkpoint;
use serde_json::{Value, json};

use super::set;
use crate::synth::Message;

/// The rows of one table, by column.
fn rows(checkpoint: &Checkpoint, table: &str) -> Vec<Value> {
    let mut rows = super::rows(checkpoint, table);
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("table");
    }
    rows
}

#[test]
fn each_column_of_autofs_is_its_own_field() {
    let mut set = set(&[(1, Message::new("thread_core_entry"))]);
    let fields = [
        ("fd", 11),
        ("pgrp", 12),
        ("timeout", 300),
        ("minproto", 3),
        ("maxproto", 5),
        ("mode", 4),
        ("uid", 1000),
        ("gid", 1001),
        ("read_fd", 17),
    ];
    let mount = fields.into_iter().fold(Message::new("autofs_entry"), |mount, (name, value)| mount.number(name, value));
    set.image("autofs-29.img", [&mount]);
    // An early CRIU did not record all of them.
    set.image("autofs-30.img", [&Message::new("autofs_entry").number("pgrp", -1)]);
    let expected = [
        json!({
            "mount_id": 29, "pgrp": 12, "timeout": 300, "mode": 4, "uid": 1000, "gid": 1001, "fd": 11, "read_fd": 17,
            "minproto": 3, "maxproto": 5,
        }),
        json!({
            "mount_id": 30, "pgrp": -1, "timeout": null, "mode": null, "uid": null, "gid": null, "fd": null,
            "read_fd": null, "minproto": null, "maxproto": null,
        }),
    ];
    assert_eq!(rows(&set.members.open(), "autofs"), expected);
}

#[test]
fn each_column_of_binfmt_misc_is_its_own_field() {
    let mut set = set(&[(1, Message::new("thread_core_entry"))]);
    let by_magic = Message::new("binfmt_misc_entry")
        .bytes("name", "qemu-arm")
        .number("enabled", 1)
        .bytes("interpreter", "/usr/bin/qemu-arm")
        .bytes("flags", "POCF")
        .bytes("magic", "7f454c46")
        .bytes("mask", "ffffff00")
        .number("offset", 2);
    let by_extension = Message::new("binfmt_misc_entry")
        .bytes("name", "java")
        .number("enabled", 0)
        .bytes("interpreter", "/usr/bin/jexec")
        .bytes("flags", "")
        .bytes("extension", "jar");
    set.image("binfmt-misc.img", [&by_magic, &by_extension]);
    let expected = [
        json!({
            "name": "qemu-arm", "enabled": true, "interpreter": "/usr/bin/qemu-arm", "flags": "POCF", "extension": null,
            "magic": "7f454c46", "mask": "ffffff00", "offset": 2,
        }),
        json!({
            "name": "java", "enabled": false, "interpreter": "/usr/bin/jexec", "flags": null, "extension": "jar",
            "magic": null, "mask": null, "offset": null,
        }),
    ];
    assert_eq!(rows(&set.members.open(), "binfmt_misc"), expected);
}

#[test]
fn each_column_of_cpuinfo_is_its_own_field() {
    let mut set = set(&[(1, Message::new("thread_core_entry"))]);
    let x86 = |vendor, number: i128| {
        Message::new("cpuinfo_x86_entry")
            .number("vendor_id", vendor)
            .number("cpu_family", 6 + number)
            .number("model", 85 + number)
            .number("stepping", 7 + number)
            .number("capability_ver", 2)
            .numbers("capability", [0x1fff_ffff, 0x2a])
            .bytes("model_id", format!("Processor {number}"))
    };
    let newer = x86(1, 0).number("xfeatures_mask", 0x2e7).number("xsave_size", 2696).number("xsave_size_max", 2698);
    let ppc64 = |endian| Message::new("cpuinfo_ppc64_entry").number("endian", endian).numbers("hwcap", [0xdc, 0xef]);
    let s390 = Message::new("cpuinfo_s390_entry").numbers("hwcap", [0x7f, 0x1]);
    let all =
        [newer, x86(2, 1), x86(0, 2)].iter().fold(Message::new("cpuinfo_entry"), |all, cpu| all.with("x86_entry", cpu));
    let all = [ppc64(0), ppc64(1)].iter().fold(all, |all, cpu| all.with("ppc64_entry", cpu));
    set.image("cpuinfo.img", [&all.with("s390_entry", &s390)]);

    let x86 = |vendor: &str, number: u32| {
        json!({
            "vendor": vendor, "family": 6 + number, "model": 85 + number, "stepping": 7 + number,
            "model_name": format!("Processor {number}"), "capabilities": ["1fffffff", "0000002a"],
            "xfeatures": null, "xsave_size": null,
        })
    };
    let mut newer = x86("intel", 0);
    newer["xfeatures"] = json!("00000000000002e7");
    newer["xsave_size"] = json!(2696);
    let others = |vendor: Option<&str>, words: [&str; 2]| {
        json!({
            "vendor": vendor, "family": null, "model": null, "stepping": null, "model_name": null,
            "capabilities": words, "xfeatures": null, "xsave_size": null,
        })
    };
    let power = ["00000000000000dc", "00000000000000ef"];
    let expected = [
        newer,
        x86("amd", 1),
        x86("unknown", 2),
        others(Some("big_endian"), power),
        others(Some("little_endian"), power),
        others(None, ["000000000000007f", "0000000000000001"]),
    ];
    assert_eq!(rows(&set.members.open(), "cpuinfo"), expected);
}
