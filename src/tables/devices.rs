//! Table `devices`.

use super::table::table;
use crate::Checkpoint;
use crate::model::declared::{Device, DeviceRule};

table! {
    "devices", key(kind, position), brief(kind, path, type, major, minor, allow, access, mode, uid, gid),
    event(Event::state(&["configuration"], "device-rule"));
    /// Devices that the specification gives the container: nodes that are made in it, then rules of the device controller,
    /// each in the order of the specification. Of rules, the last that fits counts. No rows where there is no
    /// specification.
    pub struct DeclaredDevice {
        /// `node`: made in the container; `rule`: of the device controller.
        pub kind: &'static str,
        /// Number among its kind, from 0.
        pub position: u32,
        /// Nodes: the path.
        pub path: Option<String>,
        /// `c` (character), `b` (block), `u` (unbuffered character), `p` (FIFO); rules: null for all.
        pub r#type: Option<String>,
        /// Major number; rules: null for all.
        pub major: Option<i64>,
        /// Minor number; rules: null for all.
        pub minor: Option<i64>,
        /// Rules: whether it allows or refuses.
        pub allow: Option<bool>,
        /// Rules: what it is about: `r` (read), `w` (write), `m` (make nodes).
        pub access: Option<String>,
        /// Nodes: permissions in octal, four digits; null where the specification leaves them to the runtime.
        pub mode: Option<String>,
        /// Nodes: owner; null where the specification leaves it to the runtime.
        pub uid: Option<u32>,
        /// Nodes: group; null where the specification leaves it to the runtime.
        pub gid: Option<u32>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = DeclaredDevice> + '_ {
    let spec = checkpoint.declared().spec.iter();
    spec.flat_map(|spec| {
        let nodes = (0..).zip(&spec.devices).map(|(position, device)| node(position, device));
        nodes.chain((0..).zip(&spec.device_rules).map(|(position, device)| rule(position, device)))
    })
}

fn node(position: u32, device: &Device) -> DeclaredDevice {
    DeclaredDevice {
        kind: "node",
        position,
        path: Some(device.path.clone()),
        r#type: device.device_type.clone(),
        major: device.major,
        minor: device.minor,
        allow: None,
        access: None,
        mode: device.mode.map(|mode| format!("{:04o}", mode & 0o7777)),
        uid: device.uid,
        gid: device.gid,
    }
}

fn rule(position: u32, rule: &DeviceRule) -> DeclaredDevice {
    DeclaredDevice {
        kind: "rule",
        position,
        path: None,
        r#type: rule.device_type.clone().filter(|kind| kind != "a"),
        major: rule.major,
        minor: rule.minor,
        allow: rule.allow,
        access: rule.access.clone(),
        mode: None,
        uid: None,
        gid: None,
    }
}
