//! `/proc/PID/net/*`: sockets held in the container, routes, addresses. Unknown properties of a socket (owner, timers,
//! kernel address) are 0.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;

use super::text;
use crate::Checkpoint;
use crate::abi::socket as sk;
use crate::images::ByteOrder;
use crate::images::proto::{InetSkEntry, NetlinkSkEntry, UnixSkEntry};
use crate::model::Model;
use crate::model::file::File;
use crate::model::ids::{FileId, NamespaceId};
use crate::model::netns::{Address, Route};
use crate::model::socket::Socket;

/// The files of one network namespace, by name.
type Net = BTreeMap<&'static str, Lines>;

/// Lines of a file.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Number of lines, without the heading.
    count: usize,
}

impl Lines {
    fn under(heading: &str, width: usize) -> Self {
        Lines { bytes: format!("{heading:<width$}\n").into_bytes(), count: 0 }
    }

    /// Adds a line with a name at its end.
    fn add(&mut self, line: &str, name: &[u8]) {
        self.bytes.extend_from_slice(line.as_bytes());
        text::octal(&mut self.bytes, name, b"\n");
        self.bytes.push(b'\n');
        self.count = self.count.saturating_add(1);
    }
}

/// What network namespaces have, by namespace.
#[derive(Debug, Default)]
pub(super) struct Index<'c> {
    /// Sockets, each with its place among all.
    sockets: HashMap<Option<NamespaceId>, Vec<(usize, FileId, &'c File)>>,
    routes: HashMap<NamespaceId, Vec<&'c Route>>,
    addresses: HashMap<NamespaceId, Vec<&'c Address>>,
}

impl<'c> Index<'c> {
    pub(super) fn of(checkpoint: &'c Checkpoint) -> Self {
        let (model, networks) = (checkpoint.model(), checkpoint.networks());
        let mut index = Index::default();
        for (place, (id, file)) in model.files().iter().enumerate() {
            if let Some(socket) = model.socket(id, file) {
                index.sockets.entry(socket.net_namespace).or_default().push((place, id, file));
            }
        }
        for route in networks.routes.iter().filter(|route| route.family == 2) {
            index.routes.entry(route.namespace).or_default().push(route);
        }
        for address in networks.addresses.iter().filter(|address| address.address.is_ipv6()) {
            index.addresses.entry(address.namespace).or_default().push(address);
        }
        index
    }

    /// The sockets of a namespace. Before CRIU supported several network namespaces, sockets did not name theirs.
    fn sockets(&self, namespace: NamespaceId) -> Vec<(usize, FileId, &'c File)> {
        let of = |namespace| self.sockets.get(&namespace).into_iter().flatten().copied();
        let mut all: Vec<_> = of(None).chain(of(Some(namespace))).collect();
        all.sort_unstable_by_key(|(place, ..)| *place);
        all
    }
}

/// The files of a network namespace.
pub(super) fn files(
    checkpoint: &Checkpoint,
    index: &Index<'_>,
    namespace: NamespaceId,
) -> impl Iterator<Item = (&'static str, Vec<u8>)> + use<> {
    let model = checkpoint.model();
    let mut net = empty();
    for (_, id, file) in index.sockets(namespace) {
        let Some(socket) = model.socket(id, file) else { continue };
        match file {
            File::Inet(entry) => inet(&mut net, model, &socket, entry),
            File::Unix(entry) if entry.uflags() & EXTERNAL == 0 => unix(&mut net, &socket, entry),
            File::Netlink(entry) => netlink(&mut net, entry),
            _ => {}
        }
    }
    let networks = checkpoint.networks();
    let order = model.byte_order();
    let device = |index: u32| networks.device_name(namespace, index).map(<[u8]>::to_vec);
    for route in index.routes.get(&namespace).into_iter().flatten() {
        ipv4_route(&mut net, route, order, device);
    }
    for address in index.addresses.get(&namespace).into_iter().flatten() {
        ipv6_address(&mut net, address, device);
    }
    net.into_iter().map(|(name, lines)| (name, lines.bytes))
}

/// Files that a kernel has even without sockets of their kind. Programs conclude from missing files that the kernel
/// does not support the protocol.
fn empty() -> Net {
    let mut net = Net::new();
    for v6 in [false, true] {
        let kinds = [("tcp", 0), ("udp", 0), ("udplite", 0), (if v6 { "icmpv6" } else { "icmp" }, 0), ("", sk::RAW)];
        for layout in kinds.into_iter().filter_map(|(protocol, socket_type)| layout(protocol, socket_type, v6)) {
            net.insert(layout.name, Lines::under(layout.heading, layout.width));
        }
    }
    net.insert("unix", Lines::under(UNIX, 0));
    net.insert("netlink", Lines::under(NETLINK, 0));
    net
}

/// In `unix_sk_entry.uflags`: the entry stands for a socket outside.
const EXTERNAL: u32 = 1;

/// A file of sockets: name, heading, width of heading and lines, and width of the leading number.
struct Layout {
    name: &'static str,
    heading: &'static str,
    width: usize,
    number: usize,
}

const TCP4: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const UDP4: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
const RAW4: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
const TCP6: &str = "  sl  local_address                         remote_address                        \
                    st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const UDP6: &str = "  sl  local_address                         remote_address                        \
                    st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";

const UNIX: &str = "Num       RefCount Protocol Flags    Type St Inode Path";
const NETLINK: &str = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode";

/// Source: the kernel's `net/ipv4/tcp_ipv4.c`, `udp.c`, `raw.c`, `ping.c`, and those of IPv6.
fn layout(protocol: &str, socket_type: u32, v6: bool) -> Option<Layout> {
    let layout = |name, heading, width, number| Some(Layout { name, heading, width, number });
    match (protocol, socket_type, v6) {
        (_, sk::RAW, false) => layout("raw", RAW4, 0, 4),
        (_, sk::RAW, true) => layout("raw6", UDP6, 0, 5),
        ("tcp", _, false) => layout("tcp", TCP4, 149, 4),
        ("tcp", _, true) => layout("tcp6", TCP6, 0, 4),
        ("udp", _, false) => layout("udp", UDP4, 127, 5),
        ("udp", _, true) => layout("udp6", UDP6, 0, 5),
        ("udplite", _, false) => layout("udplite", UDP4, 127, 5),
        ("udplite", _, true) => layout("udplite6", UDP6, 0, 5),
        ("icmp", _, false) => layout("icmp", UDP4, 127, 5),
        ("icmpv6", _, true) => layout("icmp6", UDP6, 0, 5),
        _ => None,
    }
}

fn inet(net: &mut Net, model: &Model, socket: &Socket, entry: &InetSkEntry) {
    let v6 = entry.family() == sk::INET6;
    let Some(layout) = layout(socket.protocol.as_deref().unwrap_or_default(), entry.r#type(), v6) else { return };
    let order = model.byte_order();
    let end = |address: Option<IpAddr>, port: u32| format!("{}:{port:04X}", words(address, order));
    let local = end(socket.local_address, entry.src_port());
    let remote = end(socket.remote_address, entry.dst_port());
    let (state, inode) = (entry.state(), entry.ino());
    let (sent, received) = (socket.send_queue.unwrap_or(0), socket.receive_queue.unwrap_or(0));
    let Layout { heading, width, .. } = layout;
    let file = net.entry(layout.name).or_insert_with(|| Lines::under(heading, width));
    let (number, number_width) = (file.count, layout.number);
    let mut line =
        format!("{number:>number_width$}: {local} {remote} {state:02X} {sent:08X}:{received:08X} 00:00000000 ");
    let _ = write!(line, "00000000 {:>5} {:>8} {inode} 0 {:016x}", 0, 0, 0);
    if heading.ends_with("drops") {
        line.push_str(" 0");
    }
    file.add(&format!("{line:<width$}"), b"");
}

/// An address as printed by the kernel: as machine words over its bytes.
fn words(address: Option<IpAddr>, order: ByteOrder) -> String {
    let bytes = match address {
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets().to_vec(),
        None => vec![0; 4],
    };
    let words = bytes.as_chunks::<4>().0.iter().map(|&bytes| match order {
        ByteOrder::Little => u32::from_le_bytes(bytes),
        ByteOrder::Big => u32::from_be_bytes(bytes),
    });
    let mut text = String::new();
    for word in words {
        let _ = write!(text, "{word:08X}");
    }
    text
}

/// Source: the kernel's `net/unix/af_unix.c`, `unix_seq_show`.
fn unix(net: &mut Net, socket: &Socket, entry: &UnixSkEntry) {
    /// `__SO_ACCEPTCON`.
    const ACCEPTS: u32 = 0x1_0000;
    let file = net.entry("unix").or_insert_with(|| Lines::under(UNIX, 0));
    let flags = if socket.listens() { ACCEPTS } else { 0 };
    // `SS_CONNECTED` and `SS_UNCONNECTED`.
    let state = if socket.state.as_deref() == Some("CONNECTED") { 3 } else { 1 };
    let line =
        format!("{0:016x}: {0:08X} {0:08X} {flags:08X} {1:04X} {state:02X} {2:>5}", 0, entry.r#type(), entry.ino());
    match &socket.path {
        Some(path) => file.add(&format!("{line} "), path),
        None => file.add(&line, b""),
    }
}

/// Source: the kernel's `net/netlink/af_netlink.c`, `netlink_native_seq_show`.
fn netlink(net: &mut Net, entry: &NetlinkSkEntry) {
    let file = net.entry("netlink").or_insert_with(|| Lines::under(NETLINK, 0));
    let (protocol, port, inode) = (entry.protocol(), entry.portid(), entry.ino());
    let groups = entry.groups.first().copied().unwrap_or(0);
    let line =
        format!("{0:016x} {protocol:<3} {port:<10} {groups:08x} {0:<8} {0:<8} {0:<5} {0:<8} {0:<8} {inode:<8}", 0);
    file.add(&line, b"");
}

/// Source: the kernel's `net/ipv4/fib_trie.c`, `fib_route_seq_show`: the main table, without broadcast and multicast.
fn ipv4_route(net: &mut Net, route: &Route, order: ByteOrder, device: impl Fn(u32) -> Option<Vec<u8>>) {
    const MAIN: u32 = 254;
    const BROADCAST_AND_MULTICAST: [u8; 2] = [3, 5];
    const UNREACHABLE_AND_PROHIBIT: [u8; 2] = [7, 8];
    let [up, gateway, host, reject] = [0x1, 0x2, 0x4, 0x200];
    if route.table != MAIN || BROADCAST_AND_MULTICAST.contains(&route.kind) {
        return;
    }
    let heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
    let file = net.entry("route").or_insert_with(|| Lines::under(heading, 127));
    // The first of several next hops.
    let hop = route.hops.first();
    let through = route.gateway.or_else(|| hop?.gateway);
    let mask = u32::MAX.checked_shl(32 - u32::from(route.destination_prefix.min(32))).unwrap_or(0);
    let mut flags = up;
    flags |= if through.is_some() { gateway } else { 0 };
    flags |= if mask == u32::MAX { host } else { 0 };
    flags |= if UNREACHABLE_AND_PROHIBIT.contains(&route.kind) { reject } else { 0 };
    let name = route.index.or(hop.map(|hop| hop.index)).and_then(device).unwrap_or_else(|| b"*".to_vec());
    let line = format!(
        "\t{}\t{}\t{flags:04X}\t0\t0\t{}\t{}\t0\t0\t0",
        words(route.destination, order),
        words(through, order),
        route.metric.unwrap_or(0),
        words(Some(IpAddr::from(mask.to_be_bytes())), order),
    );
    let mut escaped = Vec::new();
    text::octal(&mut escaped, &name, b"\t\n");
    let width = 127_usize.saturating_sub(escaped.len());
    file.bytes.extend_from_slice(&escaped);
    file.add(&format!("{line:<width$}"), b"");
}

/// Source: the kernel's `net/ipv6/addrconf.c`, `if6_seq_show`.
fn ipv6_address(net: &mut Net, set: &Address, device: impl Fn(u32) -> Option<Vec<u8>>) {
    let IpAddr::V6(address) = set.address else { return };
    let Some(name) = device(set.index) else { return };
    let number = u128::from(address);
    // `IPV6_ADDR_*` by `RT_SCOPE_*`.
    let scope = match set.scope {
        253 => 0x20,
        254 => 0x10,
        200 => 0x40,
        _ => 0,
    };
    let (index, prefix, flags) = (set.index, set.prefix, set.flags & 0xff);
    let pad = " ".repeat(8_usize.saturating_sub(name.len()));
    let file = net.entry("if_inet6").or_default();
    file.add(&format!("{number:032x} {index:02x} {prefix:02x} {scope:02x} {flags:02x} {pad}"), &name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_words_of_the_machine() {
        let address = Some("127.0.0.1".parse().unwrap());
        assert_eq!(words(address, ByteOrder::Little), "0100007F");
        assert_eq!(words(address, ByteOrder::Big), "7F000001");
        assert_eq!(words(Some("::1".parse().unwrap()), ByteOrder::Little), "00000000000000000000000001000000");
    }
}
