//! Sockets as rules about the network see them: who began a connection, and how it stands in a sentence.

use std::net::IpAddr;

use bstr::{BString, ByteSlice};

use super::facts::{Facts, ProcessFacts};
use super::words::shown;
use super::{Evidence, Fact};
use crate::tables::{Detail, OpenSocket};

/// The address of the other side, if the socket is connected to one.
pub(in crate::analysis) fn peer(socket: &OpenSocket) -> Option<(IpAddr, u32)> {
    let is_connected = match socket.protocol.as_deref() {
        Some("tcp") => !matches!(socket.state.as_deref(), None | Some("LISTEN" | "CLOSE" | "TIME_WAIT")),
        _ => socket.kernel_state.as_deref() == Some("ESTABLISHED"),
    };
    let port = socket.remote_port.filter(|&port| port != 0 && is_connected)?;
    let address: IpAddr = socket.remote_address.as_deref()?.parse().ok()?;
    let is_unknown = address.is_unspecified();
    (!is_unknown).then(|| (plain(address), port))
}

/// An IPv4 address in the form of IPv6 becomes IPv4 again.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The address of the other side, if the container began the connection: its own port is none that something in the
/// container listens on, and does not look like the port of a service that a client came to.
pub(in crate::analysis) fn outbound(facts: &Facts<'_>, socket: &OpenSocket) -> Option<(IpAddr, u32)> {
    let (address, port) = peer(socket)?;
    let protocol = socket.protocol.as_deref().unwrap_or_default();
    let local = socket.local_port.unwrap_or(0);
    let is_ours = facts.sockets().listens(protocol, local);
    let is_client = local < 1024 && port >= 32_768;
    (!is_ours && !is_client).then_some((address, port))
}

/// The processes with their sockets of internet families.
pub(in crate::analysis) fn internet<'f, 'c>(
    facts: &'f Facts<'c>,
) -> impl Iterator<Item = (&'f ProcessFacts<'c>, &'f OpenSocket)> {
    facts.living().flat_map(move |process| {
        let of = facts.sockets().of(process.pid());
        of.filter(|socket| matches!(socket.family, "inet" | "inet6")).map(move |socket| (process, socket))
    })
}

/// An address and a port for a sentence.
pub(in crate::analysis) fn endpoint(address: IpAddr, port: u32) -> String {
    match address {
        IpAddr::V6(v6) => format!("[{v6}]:{port}"),
        IpAddr::V4(v4) => format!("{v4}:{port}"),
    }
}

/// The row of a socket, with the columns that say what it is connected to.
pub(in crate::analysis) fn row(socket: &OpenSocket) -> Evidence {
    let key: [(&'static str, Fact); 2] = [("pid", socket.pid.into()), ("fd", socket.fd.0.into())];
    Evidence::row("process_open_sockets", key)
        .with("protocol", socket.protocol.as_deref())
        .with("state", socket.state.as_deref().or(socket.kernel_state.as_deref()))
        .with("local_address", socket.local_address.as_deref())
        .with("local_port", socket.local_port)
        .with("remote_address", socket.remote_address.as_deref().filter(|_| socket.remote_port.is_some()))
        .with("remote_port", socket.remote_port)
        .with("receive_queue", socket.receive_queue.filter(|&bytes| bytes > 0))
        .with("send_queue", socket.send_queue.filter(|&bytes| bytes > 0))
}

/// Whether an option of a socket is set.
pub(in crate::analysis) fn has_option(socket: &OpenSocket, name: &str) -> bool {
    let options = socket.options.as_ref().map_or(&[][..], |options| options.0.as_slice());
    options.iter().any(|(key, value)| *key == name && !matches!(value, Detail::Bool(false)))
}

/// A process for a sentence, with its program: `Process 17 (nginx, /usr/sbin/nginx)`.
pub(in crate::analysis) fn title(process: &ProcessFacts<'_>) -> String {
    format!("Process {} ({}, {})", process.pid(), shown(process.name()), shown(&program(process)))
}

/// What identifies the program of a process, in any checkpoint.
pub(in crate::analysis) fn program(process: &ProcessFacts<'_>) -> BString {
    process.program.path.clone().unwrap_or_else(|| process.name().into())
}

/// The first line of some bytes that can be printed and says something. `None` for binary data.
pub(in crate::analysis) fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let printable = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t');
    let line = bytes.lines().map(<[u8]>::trim).find(|line| !line.is_empty())?;
    let count = line.iter().filter(|byte| printable(byte)).count();
    (line.len() >= 3 && count.saturating_mul(10) >= line.len().saturating_mul(9)).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_version_6_stand_in_brackets() {
        assert_eq!(endpoint("2001:db8::1".parse().unwrap(), 80), "[2001:db8::1]:80");
        assert_eq!(endpoint(plain("::ffff:10.0.0.1".parse().unwrap()), 80), "10.0.0.1:80");
    }

    #[test]
    fn lines_are_text() {
        assert_eq!(first_line(b"\n  cat /etc/shadow\nx"), Some(&b"cat /etc/shadow"[..]));
        assert_eq!(first_line(b"\x16\x03\x01\x02\x00\x01"), None);
        assert_eq!(first_line(b"ok"), None);
    }
}
