//! CTR-010: devices of the host.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// A device of the host is in the container: its memory (`/dev/mem`, `/dev/kmem`, `/dev/port`) or a disk is high, the
    /// log of the kernel is medium, and devices for virtual machines, graphics or tunnels are low. The devices that every
    /// container has (`/dev/null`, `/dev/tty`, …) are not meant.
    "CTR-010", host_device, version 1, Isolation, Stable, High,
    title: "A device of the host is in the container",
    why: "Whoever can write to a disk or to the memory of the host controls it.",
    benign: ["Graphics cards, virtual machines, VPNs and storage plug-ins use devices."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

/// How bad a device is, by its path. `None` if every container may have it, or if it is not known to be dangerous.
fn severity(path: &str) -> Option<Severity> {
    const MEMORY: [&str; 4] = ["mem", "kmem", "port", "mcelog"];
    const DISKS: [&str; 8] = ["sd", "nvme", "vd", "xvd", "hd", "dm-", "md", "mmcblk"];
    const LOW: [&str; 14] = [
        "kvm", "fuse", "net/tun", "uinput", "vhost", "dri", "nvidia", "vfio", "input", "video", "snd", "tty",
        "bus/usb", "kfd",
    ];
    const USUAL: [&str; 9] = ["null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts"];
    let name = path.strip_prefix("/dev/")?;
    let starts = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
    if USUAL.contains(&name) || name.starts_with("shm") || name.starts_with("mqueue") {
        None
    } else if MEMORY.contains(&name) || starts(&DISKS) || name.starts_with("mapper/") || name.starts_with("disk/") {
        Some(Severity::High)
    } else if name == "kmsg" || name.starts_with("loop") {
        Some(Severity::Medium)
    } else if starts(&LOW) {
        Some(Severity::Low)
    } else {
        None
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    if specification::is_privileged(facts) {
        report.skip();
        return;
    }
    let devices = spec.devices.iter().enumerate().map(|(place, device)| {
        // A node of type b is a disk, whatever its name.
        let bad = severity(&device.path).or((device.device_type.as_deref() == Some("b")).then_some(Severity::High));
        (device.path.clone(), bad, format!("/linux/devices/{place}"))
    });
    let mounts = specification::host_mounts(facts)
        .filter(|mount| mount.source.starts_with("/dev/"))
        .map(|mount| (mount.source.to_owned(), severity(mount.source), mount.pointer()));
    for (path, bad, pointer) in devices.chain(mounts) {
        if !report.look() {
            return;
        }
        let Some(severity) = bad else { continue };
        let what = if severity == Severity::High { "the memory or a disk of the host" } else { "a device of the host" };
        report.add(
            Finding::new(&RULE, Subject::File(path.as_str().into()))
                .severity(severity)
                .confidence(Confidence::High)
                .identity([path.as_str()])
                .sentence(format!("The container has {}, {what}.", shown(path.as_bytes())))
                .benign("The program may work with this device. Ask what it is for.")
                .next(Next::rows_where("isolation", "fact", "device"))
                .evidence(specification::evidence(facts, &pointer)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_and_memory_are_worse_than_graphics() {
        for path in ["/dev/mem", "/dev/sda1", "/dev/nvme0n1", "/dev/mapper/vg-root"] {
            assert_eq!(severity(path), Some(Severity::High), "{path}");
        }
        for path in ["/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/dri/card0", "/dev/nvidia0"] {
            assert_eq!(severity(path), Some(Severity::Low), "{path}");
        }
        for path in ["/dev/null", "/dev/tty", "/dev/shm", "/dev/mqueue", "/dev/termination-log", "/srv/dev"] {
            assert_eq!(severity(path), None, "{path}");
        }
    }
}
