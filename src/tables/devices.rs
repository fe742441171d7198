//! Table `devices`.

use super::table::table;
use crate::Checkpoint;
use crate::model::declared::{Device, DeviceRule};

table! {
    "devices", key(kind, position), brief(kind, path, type, major, minor, allow, access, mode, uid, gid),
    event(Event::state(&["configuration"], "device-rule"));
    /// Devices that the specification gives to the container: first the nodes created in it, then the rules of the
    /// device controller, each in the order of the specification. The last rule that matches applies. There are no rows
    /// if there is no specification.
    pub struct DeclaredDevice {
        /// `node`: created in the container. `rule`: a rule of the device controller.
        pub kind: &'static str,
        /// Position among the rows of its kind, from 0.
        pub position: u32,
        /// Path of a node. Null for rules.
        pub path: Option<String>,
        /// Type: `c` (character), `b` (block), `u` (unbuffered character) or `p` (FIFO). Null for a rule that applies
        /// to all types.
        pub r#type: Option<String>,
        /// Major number. Null for a rule that applies to all.
        pub major: Option<i64>,
        /// Minor number. Null for a rule that applies to all.
        pub minor: Option<i64>,
        /// Whether a rule allows or refuses access. Null for nodes.
        pub allow: Option<bool>,
        /// Access that a rule is about: `r` (read), `w` (write), `m` (make nodes). Null for nodes.
        pub access: Option<String>,
        /// Permissions of a node, four octal digits. Null if the specification leaves them to the runtime.
        pub mode: Option<String>,
        /// Owner of a node. Null if the specification leaves it to the runtime.
        pub uid: Option<u32>,
        /// Group of a node. Null if the specification leaves it to the runtime.
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
