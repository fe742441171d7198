//! Sockets of every family, in one type.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::file::File;
use super::ids::{FileId, NamespaceId};
use crate::abi::socket as sk;
use crate::images::proto::{
    InetSkEntry, IpOptsEntry, IpOptsRawEntry, NetlinkSkEntry, PacketSockEntry, ScmEntry, SkOptsEntry, SkPacketEntry,
    SkShutdown, TcpOptsEntry, TcpStreamEntry, UnixSkEntry,
};
use crate::images::{ByteOrder, Images, Kind, Span};
use crate::warning::{Code, Place};

/// A family of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
    /// Unix.
    Unix,
    /// Netlink.
    Netlink,
    /// Packet.
    Packet,
    /// A family that CRIU does not dump today.
    Other,
}

impl Family {
    /// `inet`, `inet6`, `unix`, `netlink`, `packet` or `other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Inet => "inet",
            Family::Inet6 => "inet6",
            Family::Unix => "unix",
            Family::Netlink => "netlink",
            Family::Packet => "packet",
            Family::Other => "other",
        }
    }
}

/// The value of a socket option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The option is on.
    On,
    /// A number.
    Number(u64),
    /// Text.
    Text(Cow<'static, str>),
    /// Bytes from the kernel.
    Bytes(Vec<u8>),
}

/// A socket.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Inode, as in `socket:[…]`; not recorded for packet sockets.
    pub inode: Option<u64>,
    /// Its family.
    pub family: Family,
    /// `stream`, `dgram`, …; not recorded for netlink sockets.
    pub socket_type: Option<&'static str>,
    /// Protocol; `None` for unix sockets.
    pub protocol: Option<Cow<'static, str>>,
    /// State of a connection, if the socket can have one.
    pub state: Option<Cow<'static, str>>,
    /// The kernel's state of an internet socket, connected or not.
    pub kernel_state: Option<Cow<'static, str>>,
    /// Local address.
    pub local_address: Option<IpAddr>,
    /// Local port.
    pub local_port: Option<u16>,
    /// The peer's address; unspecified if there is no peer.
    pub remote_address: Option<IpAddr>,
    /// The peer's port.
    pub remote_port: Option<u16>,
    /// Name of a unix socket, with `@` for the NUL of an abstract name.
    pub path: Option<Vec<u8>>,
    /// Inode of a unix socket's peer.
    pub peer: Option<u64>,
    /// Bytes waiting to be read.
    pub receive_queue: Option<u64>,
    /// Bytes written but not acknowledged or not sent.
    pub send_queue: Option<u64>,
    /// Number of connections that may wait on a listener.
    pub backlog: Option<u32>,
    /// Options that were set, or that matter.
    pub options: Vec<(&'static str, Setting)>,
    /// Device that the socket is bound to.
    pub bound_device: Option<Vec<u8>>,
    /// Network namespace (CRIU's id).
    pub net_namespace: Option<NamespaceId>,
}

impl Socket {
    fn new(family: Family) -> Self {
        Socket {
            inode: None,
            family,
            socket_type: None,
            protocol: None,
            state: None,
            kernel_state: None,
            local_address: None,
            local_port: None,
            remote_address: None,
            remote_port: None,
            path: None,
            peer: None,
            receive_queue: None,
            send_queue: None,
            backlog: None,
            options: Vec::new(),
            bound_device: None,
            net_namespace: None,
        }
    }

    /// Whether the socket waits for connections, or for packets from anyone.
    pub fn listens(&self) -> bool {
        self.state.as_deref() == Some("LISTEN")
    }
}

/// Bytes in the queues of sockets, and the byte order of addresses.
#[derive(Debug, Default)]
pub struct Queues {
    order: ByteOrder,
    /// Whether connections were dumped as closed, so that queues were dropped on purpose.
    closed: bool,
    /// Connections, by the inode of a TCP socket.
    streams: BTreeMap<u64, TcpStream>,
    /// Received bytes of unix sockets, by file id.
    received: HashMap<FileId, u64>,
    packets: Vec<Packet>,
}

/// A TCP connection: its state, and the location of its queues.
#[derive(Clone, Debug)]
pub struct TcpStream {
    /// Its state.
    pub entry: TcpStreamEntry,
    /// Bytes received but not yet read.
    pub receive: Span,
    /// Bytes written but not yet acknowledged, followed by those not yet sent.
    pub send: Span,
}

/// A packet waiting in a socket.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The open file that would have received the packet.
    pub file: FileId,
    /// Its bytes.
    pub bytes: Span,
    /// Control messages that came with the packet.
    pub control: Vec<ScmEntry>,
}

impl Queues {
    pub(super) fn read(images: Images<'_>, order: ByteOrder, closed: bool) -> Self {
        let mut queues = Queues { order, closed, ..Queues::default() };
        let streams: Vec<u64> = images.set.of_kind(images.archive, Kind::TcpStream).map(|(number, _)| number).collect();
        for inode in streams {
            let Some((entry, behind)) = images.one_at::<TcpStreamEntry>(Kind::TcpStream, inode) else { continue };
            let span = |offset, len: u32| Span { image: (Kind::TcpStream, inode), offset, len: len.into() };
            let receive = span(behind, entry.inq_len());
            let send = span(behind.saturating_add(receive.len), entry.outq_len());
            queues.streams.insert(inode, TcpStream { entry, receive, send });
        }
        images.each::<SkPacketEntry>(Kind::SkQueues, 0, |entry, record, _| {
            let file = FileId(entry.id_for());
            let received = queues.received.entry(file).or_default();
            *received = received.saturating_add(entry.length().into());
            let bytes = Span::behind((Kind::SkQueues, 0), record, 0, entry.length().into());
            queues.packets.push(Packet { file, bytes, control: entry.scm });
        });
        queues
    }

    /// Connections, by the inode of their socket.
    pub fn streams(&self) -> impl Iterator<Item = (u64, &TcpStream)> {
        self.streams.iter().map(|(&inode, stream)| (inode, stream))
    }

    /// Packets waiting in sockets other than TCP, in the order of the image. For each socket, this is the order in
    /// which they arrived.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// The socket of an open file; `None` if the file is not a socket.
    pub fn socket(&self, id: FileId, file: &File) -> Option<Socket> {
        match file {
            File::Inet(entry) => Some(self.inet(entry)),
            File::Unix(entry) => Some(self.unix(id, entry)),
            File::Netlink(entry) => Some(netlink(entry)),
            File::Packet(entry) => Some(packet(entry)),
            _ => None,
        }
    }

    fn inet(&self, entry: &InetSkEntry) -> Socket {
        let family = match entry.family() {
            sk::INET => Family::Inet,
            sk::INET6 => Family::Inet6,
            _ => Family::Other,
        };
        let mut socket = Socket::new(family);
        let (kind, state) = (entry.r#type(), entry.state());
        let protocol = sk::protocol(entry.proto(), kind);
        socket.inode = entry.ino.map(u64::from);
        socket.socket_type = sk::type_name(kind);
        socket.local_address = self.address(family, &entry.src_addr);
        socket.remote_address = self.address(family, &entry.dst_addr);
        socket.kernel_state = entry.state.filter(|&state| state != 0).map(sk::tcp_state);
        let is_tcp = protocol == "tcp" && kind == sk::STREAM;
        if kind != sk::RAW {
            socket.local_port = u16::try_from(entry.src_port()).ok();
            let peer = u16::try_from(entry.dst_port()).ok();
            // /proc prints 0 if a connection has no peer.
            socket.remote_port = peer.filter(|&port| port != 0 || is_tcp && state != sk::LISTEN);
        }
        if is_tcp {
            socket.state = Some(sk::tcp_state(state));
            if state == sk::LISTEN {
                socket.backlog = entry.backlog;
            } else if !self.closed {
                let stream = entry.ino.and_then(|ino| self.streams.get(&ino.into()));
                // Only connections have an image of their queues. The queues of a socket that was never connected are
                // empty.
                let unconnected = sk::tcp_state(state) == "CLOSE";
                let bytes = |len: fn(&TcpStreamEntry) -> u32| {
                    stream.map(|s| u64::from(len(&s.entry))).or(unconnected.then_some(0))
                };
                socket.receive_queue = bytes(TcpStreamEntry::inq_len);
                socket.send_queue = bytes(TcpStreamEntry::outq_len);
            }
        }
        socket.protocol = Some(protocol);
        socket.net_namespace = entry.ns_id.map(NamespaceId);
        socket.options = inet_options(entry);
        common(&mut socket, entry.opts.as_ref());
        if socket.bound_device.is_none() {
            socket.bound_device = entry.ifname.clone().filter(|name| !name.is_empty());
        }
        socket
    }

    fn unix(&self, id: FileId, entry: &UnixSkEntry) -> Socket {
        let mut socket = Socket::new(Family::Unix);
        let (kind, state) = (entry.r#type(), entry.state());
        let listens = state == sk::LISTEN;
        socket.inode = entry.ino.map(u64::from);
        socket.socket_type = sk::type_name(kind);
        socket.peer = entry.peer.filter(|&peer| peer != 0).map(u64::from);
        // A datagram socket already has the state of a connection when another socket connects to it.
        let connected = if kind == sk::DGRAM { socket.peer.is_some() } else { state == sk::ESTABLISHED };
        socket.state = Some(Cow::Borrowed(match (listens, connected) {
            (true, _) => "LISTEN",
            (false, true) => "CONNECTED",
            (false, false) => "UNCONNECTED",
        }));
        socket.path = entry.name.as_deref().and_then(unix_name);
        if listens {
            socket.backlog = entry.backlog;
        } else {
            socket.receive_queue = Some(self.received.get(&id).copied().unwrap_or(0));
        }
        socket.net_namespace = entry.ns_id.map(NamespaceId);
        if entry.deleted() {
            socket.options.push(("deleted", Setting::On));
        }
        if let Some(folder) = entry.name_dir.clone().filter(|folder| !folder.is_empty()) {
            socket.options.push(("bound_in", Setting::Bytes(folder)));
        }
        if let Some(perms) = &entry.file_perms {
            socket.options.push(("mode", Setting::Text(Cow::Owned(format!("{:04o}", perms.mode() & 0o7777)))));
            let owners = [("uid", perms.uid), ("gid", perms.gid)];
            socket.options.extend(owners.iter().filter_map(|(name, id)| Some((*name, Setting::Number((*id)?.into())))));
        }
        shutdown(&mut socket.options, entry.shutdown);
        common(&mut socket, entry.opts.as_ref());
        socket
    }

    /// An address from words that hold its bytes in memory order. No words mean the unspecified address.
    fn address(&self, family: Family, words: &[u32]) -> Option<IpAddr> {
        let bytes = |word: u32| match self.order {
            ByteOrder::Little => word.to_le_bytes(),
            ByteOrder::Big => word.to_be_bytes(),
        };
        match (family, words) {
            (Family::Inet, []) => Some(Ipv4Addr::UNSPECIFIED.into()),
            (Family::Inet, &[word]) => Some(Ipv4Addr::from(bytes(word)).into()),
            (Family::Inet6, []) => Some(Ipv6Addr::UNSPECIFIED.into()),
            (Family::Inet6, words) => {
                let all: Vec<u8> = words.iter().flat_map(|&word| bytes(word)).collect();
                Some(Ipv6Addr::from(<[u8; 16]>::try_from(all).ok()?).into())
            }
            _ => None,
        }
    }
}

/// Warns about invalid addresses, ports and families.
pub(super) fn check(entry: &InetSkEntry, place: &Place, images: Images<'_>) {
    let warn = |message: String| images.warnings.push(Code::SocketInvalid, place.clone(), || message);
    let words = match entry.family() {
        sk::INET => 1,
        sk::INET6 => 4,
        family => {
            warn(format!("an internet socket has family {family}"));
            return;
        }
    };
    for (name, address) in [("local", &entry.src_addr), ("remote", &entry.dst_addr)] {
        if !address.is_empty() && address.len() != words {
            warn(format!("the {name} address has {} words, not {words}; skipped", address.len()));
        }
    }
    for (name, port) in [("local", entry.src_port()), ("remote", entry.dst_port())] {
        if u16::try_from(port).is_err() {
            warn(format!("{port} is not a valid {name} port; skipped"));
        }
    }
}

/// The name of a unix socket, as tools print it; `None` if it has none.
fn unix_name(name: &[u8]) -> Option<Vec<u8>> {
    match name {
        [] => None,
        [0, rest @ ..] => Some([b"@", rest].concat()),
        _ => {
            let end = name.iter().rposition(|&b| b != 0).map_or(0, |last| last.saturating_add(1));
            Some(name.get(..end).unwrap_or_default().to_vec())
        }
    }
}

fn netlink(entry: &NetlinkSkEntry) -> Socket {
    let mut socket = Socket::new(Family::Netlink);
    socket.inode = entry.ino.map(u64::from);
    socket.protocol = Some(sk::netlink(entry.protocol()));
    socket.net_namespace = entry.ns_id.map(NamespaceId);
    let numbers = [("port_id", entry.portid), ("peer_port_id", entry.dst_portid), ("peer_group", entry.dst_group)];
    for (name, number) in numbers {
        if let Some(number) = number.filter(|&n| n != 0) {
            socket.options.push((name, Setting::Number(number.into())));
        }
    }
    if entry.groups.iter().any(|&word| word != 0) {
        let words: Vec<String> = entry.groups.iter().map(|word| format!("{word:08x}")).collect();
        socket.options.push(("groups", Setting::Text(Cow::Owned(words.join(" ")))));
    }
    common(&mut socket, entry.opts.as_ref());
    socket
}

fn packet(entry: &PacketSockEntry) -> Socket {
    /// `PACKET_MR_PROMISC`.
    const PROMISCUOUS: u32 = 1;
    let mut socket = Socket::new(Family::Packet);
    socket.socket_type = sk::type_name(entry.r#type());
    // An Ethernet type in network byte order, stored as a number of the host.
    let protocol = u16::try_from(entry.protocol()).ok();
    socket.protocol = protocol.filter(|&p| p != 0).map(|p| sk::ethertype(p.swap_bytes()));
    socket.net_namespace = entry.ns_id.map(NamespaceId);
    if let Some(index) = entry.ifindex.filter(|&index| index != 0) {
        socket.options.push(("interface_index", Setting::Number(index.into())));
    }
    if entry.mclist.iter().any(|m| m.r#type() == PROMISCUOUS) {
        socket.options.push(("promiscuous", Setting::On));
    }
    let switches = [
        ("auxdata", entry.aux_data()),
        ("origdev", entry.orig_dev()),
        ("vnet_hdr", entry.vnet_hdr()),
        ("loss", entry.loss()),
    ];
    socket.options.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name, Setting::On)));
    // `PACKET_FANOUT` is all ones if the socket is in no group.
    let fanout = entry.fanout.filter(|&fanout| fanout != u32::MAX);
    let numbers = [
        ("version", entry.version.filter(|&n| n != 0)),
        ("reserve", entry.reserve.filter(|&n| n != 0)),
        ("copy_thresh", entry.copy_thresh.filter(|&n| n != 0)),
        ("timestamp", entry.timestamp.filter(|&n| n != 0)),
        ("fanout", fanout),
    ];
    socket.options.extend(numbers.iter().filter_map(|(name, n)| Some((*name, Setting::Number((*n)?.into())))));
    for (name, ring) in [("rx_ring", &entry.rx_ring), ("tx_ring", &entry.tx_ring)] {
        if let Some(ring) = ring {
            let (blocks, block_size) = (ring.block_nr(), ring.block_size());
            let (frames, frame_size) = (ring.frame_nr(), ring.frame_size());
            let text = format!("{blocks} blocks of {block_size} bytes, {frames} frames of {frame_size} bytes");
            socket.options.push((name, Setting::Text(Cow::Owned(text))));
        }
    }
    common(&mut socket, entry.opts.as_ref());
    socket
}

fn shutdown(options: &mut Vec<(&'static str, Setting)>, direction: Option<i32>) {
    let name = match direction.and_then(|d| SkShutdown::try_from(d).ok()) {
        Some(SkShutdown::Read) => "read",
        Some(SkShutdown::Write) => "write",
        Some(SkShutdown::Both) => "both",
        _ => return,
    };
    options.push(("shutdown", Setting::Text(Cow::Borrowed(name))));
}

fn inet_options(entry: &InetSkEntry) -> Vec<(&'static str, Setting)> {
    let mut options = Vec::new();
    shutdown(&mut options, entry.shutdown);
    let ip = entry.ip_opts.as_ref();
    let raw = ip.and_then(|o| o.raw.as_ref());
    let tcp = entry.tcp_opts.as_ref();
    let switches = [
        ("ipv6_only", entry.v6only()),
        ("freebind", ip.is_some_and(IpOptsEntry::freebind)),
        ("pktinfo", ip.is_some_and(IpOptsEntry::pktinfo)),
        ("hdrincl", raw.is_some_and(IpOptsRawEntry::hdrincl)),
        ("nodefrag", raw.is_some_and(IpOptsRawEntry::nodefrag)),
        ("tcp_cork", tcp.is_some_and(TcpOptsEntry::cork)),
        ("tcp_nodelay", tcp.is_some_and(TcpOptsEntry::nodelay)),
    ];
    options.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name, Setting::On)));
    // `ICMP_FILTER` and `ICMPV6_FILTER`: one bit for each message type that is refused, 32 in a word.
    let refused = raw.map_or(&[][..], |raw| raw.icmpv_filter.as_slice());
    if refused.iter().any(|&word| word != 0) {
        let words: Vec<String> = refused.iter().map(|word| format!("{word:08x}")).collect();
        options.push(("icmp_filter", Setting::Text(Cow::Owned(words.join(" ")))));
    }
    let numbers = [
        ("tos", ip.and_then(|o| o.tos).filter(|&n| n != 0)),
        ("ttl", ip.and_then(|o| o.ttl).filter(|&n| n != 0)),
        ("tcp_keepcnt", tcp.and_then(|o| o.keepcnt)),
        ("tcp_keepidle", tcp.and_then(|o| o.keepidle)),
        ("tcp_keepintvl", tcp.and_then(|o| o.keepintvl)),
    ];
    options.extend(numbers.iter().filter_map(|(name, n)| Some((*name, Setting::Number((*n)?.into())))));
    options
}

/// Options that every socket has.
fn common(socket: &mut Socket, options: Option<&SkOptsEntry>) {
    let Some(o) = options else { return };
    let list = &mut socket.options;
    let numbers = [
        ("send_buffer", o.so_sndbuf.map(u64::from)),
        ("receive_buffer", o.so_rcvbuf.map(u64::from)),
        ("priority", o.so_priority.filter(|&n| n != 0).map(u64::from)),
        ("rcvlowat", o.so_rcvlowat.filter(|&n| n > 1).map(u64::from)),
        ("mark", o.so_mark.filter(|&n| n != 0).map(u64::from)),
        ("linger", o.so_linger.map(u64::from)),
        ("filter_instructions", Some(crate::int::u64_of(o.so_filter.len())).filter(|&n| n != 0)),
        ("send_timeout_us", timeout(o.so_snd_tmo_sec, o.so_snd_tmo_usec)),
        ("receive_timeout_us", timeout(o.so_rcv_tmo_sec, o.so_rcv_tmo_usec)),
    ];
    list.extend(numbers.iter().filter_map(|(name, n)| Some((*name, Setting::Number((*n)?)))));
    let switches = [
        ("reuseaddr", o.reuseaddr()),
        ("reuseport", o.so_reuseport()),
        ("passcred", o.so_passcred()),
        ("passsec", o.so_passsec()),
        ("dontroute", o.so_dontroute()),
        ("no_check", o.so_no_check()),
        ("broadcast", o.so_broadcast()),
        ("keepalive", o.so_keepalive()),
        ("oobinline", o.so_oobinline() != 0),
    ];
    list.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name, Setting::On)));
    socket.bound_device = o.so_bound_dev.clone().filter(|name| !name.is_empty());
}

fn timeout(seconds: Option<u64>, microseconds: Option<u64>) -> Option<u64> {
    let all = seconds.unwrap_or(0).saturating_mul(1_000_000).saturating_add(microseconds.unwrap_or(0));
    Some(all).filter(|&us| us != 0)
}

/// The text of an option's value.
impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::On => f.write_str("on"),
            Setting::Number(number) => write!(f, "{number}"),
            Setting::Text(text) => f.write_str(text),
            Setting::Bytes(bytes) => write!(f, "{}", bstr::BStr::new(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(order: ByteOrder, family: Family, words: &[u32]) -> Option<String> {
        Queues { order, ..Queues::default() }.address(family, words).map(|a| a.to_string())
    }

    #[test]
    fn addresses_are_bytes_as_they_lay_in_memory() {
        use ByteOrder::{Big, Little};
        assert_eq!(address(Little, Family::Inet, &[16_777_343]).unwrap(), "127.0.0.1");
        assert_eq!(address(Big, Family::Inet, &[0x7f00_0001]).unwrap(), "127.0.0.1");
        assert_eq!(address(Little, Family::Inet6, &[0, 0, 0, 16_777_216]).unwrap(), "::1");
        assert_eq!(address(Little, Family::Inet6, &[0, 0, 4_294_901_760, 16_777_343]).unwrap(), "::ffff:127.0.0.1");
        assert_eq!(address(Little, Family::Inet6, &[0xb80d_0120, 0, 0, 0x0200_0100]).unwrap(), "2001:db8::1:2");
        assert_eq!(address(Little, Family::Inet, &[]).unwrap(), "0.0.0.0");
        assert_eq!(address(Little, Family::Inet, &[1, 2, 3]), None);
    }

    #[test]
    fn unix_names() {
        assert_eq!(unix_name(b"/run/a.sock\0").unwrap(), b"/run/a.sock");
        assert_eq!(unix_name(b"\0abstract\0x\0").unwrap(), b"@abstract\0x\0");
        assert_eq!(unix_name(b""), None);
    }

    #[test]
    fn a_listener_has_a_backlog_and_a_connection_has_queues() {
        let mut queues = Queues::default();
        let stream = TcpStreamEntry { inq_len: Some(26), outq_len: Some(3), ..Default::default() };
        let span = Span { image: (Kind::TcpStream, 7), offset: 0, len: 0 };
        queues.streams.insert(7, TcpStream { entry: stream, receive: span, send: span });
        let entry = |state| InetSkEntry {
            ino: Some(7),
            family: Some(sk::INET),
            r#type: Some(sk::STREAM),
            proto: Some(sk::TCP),
            state: Some(state),
            backlog: Some(5),
            ..Default::default()
        };
        let listener = queues.inet(&entry(sk::LISTEN));
        assert_eq!((listener.backlog, listener.receive_queue, listener.remote_port), (Some(5), None, None));
        let connection = queues.inet(&entry(sk::ESTABLISHED));
        assert_eq!((connection.backlog, connection.receive_queue, connection.send_queue), (None, Some(26), Some(3)));
        assert_eq!(connection.remote_port, Some(0), "as /proc prints it");
        queues.closed = true;
        assert_eq!(queues.inet(&entry(sk::ESTABLISHED)).receive_queue, None, "lost is not empty");
    }
}
