//! Relays that the container's own start script sets up: `socat TCP-LISTEN:9443,fork TCP:127.0.0.1:8080`.

use bstr::{BString, ByteSlice};

use super::super::facts::{Direction, Facts, ProcessFacts, is_connection, remote};
use super::super::vocabulary::{has_name, is_loopback};

/// Kinds of addresses of `socat` that wait for a client.
const WAITS: [&[u8]; 8] = [
    b"tcp-listen",
    b"tcp4-listen",
    b"tcp6-listen",
    b"udp-listen",
    b"udp4-listen",
    b"udp6-listen",
    b"unix-listen",
    b"openssl-listen",
];
/// Kinds of addresses that lead to one host and port.
const CONNECTS: [&[u8]; 9] =
    [b"tcp", b"tcp4", b"tcp6", b"tcp-connect", b"tcp4-connect", b"udp", b"udp4", b"udp-connect", b"openssl"];
/// Kinds of addresses that lead to a socket of the file system.
const LOCAL: [&[u8]; 3] = [b"unix", b"unix-connect", b"unix-client"];

/// Whether a process is a relay of the image that the shell of the container's command started beside the service, and that
/// passes connections on within the container. Whoever comes in later can start the same program with the same arguments, and
/// it becomes a child of the first process as well; but it has not that shell's user, session, group and output, or leads
/// elsewhere, as an intruder's has to.
pub(super) fn is_fixed_relay(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let is_own = !process.program.deleted && !process.is_program_suspicious() && !facts.is_program_new(process);
    let Some(script) = facts.parent(process).filter(|parent| parent.is_shell() && facts.is_entry_point(parent)) else {
        return false;
    };
    let (row, above) = (&process.row, &script.row);
    let is_of_script = !row.entered
        && row.session.is_some()
        && row.session == above.session
        && row.pgroup == above.pgroup
        && row.euid.is_some()
        && row.euid == above.euid
        && [1, 2].iter().all(|&fd| {
            let file = |of: &ProcessFacts<'_>| of.file(fd).map(|file| file.file_id);
            file(process).is_some() && file(process) == file(script)
        });
    let below = facts.descendants(process);
    let leads_elsewhere =
        |one: &ProcessFacts<'_>| {
            facts.sockets().of(one.pid()).filter(|socket| is_connection(socket)).take(1024).any(|socket| {
                facts.direction(socket) == Direction::Outbound && !remote(socket).is_some_and(is_loopback)
            })
        };
    has_name(process.program.base(), "socat")
        && is_own
        && is_of_script
        && leads_inside(process.argv())
        && below.iter().all(|one| one.program.path == process.program.path && !leads_elsewhere(one))
        && !leads_elsewhere(process)
}

/// Whether the arguments of `socat` are an address that waits and one within the container, and no command.
fn leads_inside(argv: &[BString]) -> bool {
    let mut rest = argv.get(1..).unwrap_or_default();
    while let Some((option, others)) =
        rest.split_first().filter(|(first, _)| first.starts_with(b"-") && first.len() > 1)
    {
        if !option.iter().all(|byte| matches!(byte, b'-' | b'd' | b'v' | b'x' | b'u' | b'U')) {
            return false;
        }
        rest = others;
    }
    let [waits, leads] = rest else { return false };
    let Some((kind, _)) = kind_and_target(waits) else { return false };
    let Some((to, target)) = kind_and_target(leads) else { return false };
    let host = target.rsplit_once_str(":").map_or(target, |(host, _)| host);
    let is_here = host == b"localhost"
        || host
            .trim_with(|c| matches!(c, '[' | ']'))
            .to_str()
            .ok()
            .and_then(|host| host.parse().ok())
            .is_some_and(is_loopback);
    WAITS.contains(&kind.as_slice()) && (LOCAL.contains(&to.as_slice()) || CONNECTS.contains(&to.as_slice()) && is_here)
}

/// The kind of an address in small letters, and what stands after it, without options. Nothing for `A!!B`, which is two.
fn kind_and_target(address: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (kind, rest) = address.split_once_str(":")?;
    let target = rest.split_once_str(",").map_or(rest, |(target, _)| target);
    (!address.contains_str("!!")).then(|| (kind.to_ascii_lowercase(), target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_relay_leads_from_a_port_to_one_place_inside() {
        let is = |line: &str| leads_inside(&line.split(' ').map(BString::from).collect::<Vec<_>>());
        for line in [
            "socat TCP-LISTEN:9443,fork,reuseaddr TCP:127.0.0.1:8080",
            "socat UNIX-LISTEN:/run/app.sock,fork TCP:127.0.0.1:9001",
            "socat -d -d tcp-listen:80,fork unix-connect:/run/app.sock",
            "socat TCP6-LISTEN:80,fork TCP6:[::1]:8080",
            "socat OPENSSL-LISTEN:443,cert=/x TCP:localhost:80",
        ] {
            assert!(is(line), "{line}");
        }
        for line in [
            "socat TCP-LISTEN:9443,fork TCP:10.0.0.5:22",
            "socat TCP-LISTEN:9443,fork EXEC:/bin/sh,pty",
            "socat TCP-LISTEN:9443,fork SYSTEM:id",
            "socat TCP-LISTEN:1 TCP:127.0.0.1:1!!EXEC:sh",
            "socat TCP:10.0.0.5:443 TCP:127.0.0.1:22",
            "socat TCP-LISTEN:1 TUN:10.0.0.1/24",
            "socat -L/x TCP-LISTEN:1 TCP:127.0.0.1:1",
            "socat",
            "socat -",
        ] {
            assert!(!is(line), "{line}");
        }
    }
}
