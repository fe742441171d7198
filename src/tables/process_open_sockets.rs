//! Table `process_open_sockets`.

use std::borrow::Cow;
use std::sync::Arc;

use bstr::BString;

use super::process_open_files::SOCKETS;
use super::table::table;
use super::value::{Cell, Detail, Object, Type, Value};
use crate::Checkpoint;
use crate::model::Model;
use crate::model::fdinfo::Descriptor;
use crate::model::ids::{Fd, NamespaceId, Pid};
use crate::model::process::Process;
use crate::model::socket::Setting;

table! {
    "process_open_sockets", key(pid, fd),
    brief(pid, fd, family, protocol, state, local_address, local_port, remote_address, remote_port, path),
    event(Event::state(&["network", "process"], "socket-state").about(Subject::Connection).under("socket"));
    /// Sockets of the living processes, by pid and descriptor.
    pub struct OpenSocket {
        /// Process id.
        pub pid: Pid,
        /// The descriptor.
        pub fd: Fd,
        /// Inode, as in `socket:[…]`. Null for packet sockets, for which it is not recorded.
        pub socket: Option<u64>,
        /// Address family: `inet`, `inet6`, `unix`, `netlink`, `packet` or `other`.
        #[to(flow("family"))]
        pub family: &'static str,
        /// Type: `stream`, `dgram`, `raw`, `seqpacket`, `rdm` or `packet`. Null for netlink sockets, for which it is
        /// not recorded.
        pub r#type: Option<&'static str>,
        /// Protocol: `tcp`, `udp`, `udplite`, `icmp`, …. For netlink sockets, the name of the netlink family; for
        /// packet sockets, the Ethernet type. Null for unix sockets.
        #[to(flow("transport"))]
        pub protocol: Option<Cow<'static, str>>,
        /// State of a TCP socket: `LISTEN`, `ESTABLISHED`, …. State of a unix socket: `LISTEN`, `CONNECTED` or
        /// `UNCONNECTED`. Null for other sockets.
        #[to(flow("state"), ocsf("state"), ocsf("tcp_state_id").form(Form::TcpState))]
        pub state: Option<Cow<'static, str>>,
        /// State of an internet socket of any protocol, by the kernel's name for the number that `/proc/net` prints as
        /// `st`. For UDP, UDP-Lite, ICMP and raw sockets it is `ESTABLISHED` (one peer) or `CLOSE` (packets from
        /// anyone; `ss` prints `UNCONN`). Null for other families.
        pub kernel_state: Option<Cow<'static, str>>,
        /// Local address; `0.0.0.0` or `::` if unspecified.
        #[to(flow("local.ip"))]
        pub local_address: Option<String>,
        /// Local port.
        #[to(flow("local.port"))]
        pub local_port: Option<u32>,
        /// The peer's address; `0.0.0.0` or `::` if there is no peer.
        #[to(flow("remote.ip"))]
        pub remote_address: Option<String>,
        /// The peer's port. Null if there is no peer, except for TCP sockets that do not listen: they have 0, as in
        /// `/proc`.
        #[to(flow("remote.port"))]
        pub remote_port: Option<u32>,
        /// Name of a unix socket, with `@` for the NUL of an abstract name. Null if it has none.
        pub path: Option<BString>,
        /// Inode of a unix socket's peer. For a connection that is not accepted yet, the listener's inode.
        pub peer: Option<u64>,
        /// Bytes waiting to be read (TCP and unix). Null if CRIU does not record them.
        pub receive_queue: Option<u64>,
        /// Bytes written but not acknowledged or not sent (TCP).
        pub send_queue: Option<u64>,
        /// Number of connections that may wait on a listener.
        pub backlog: Option<u32>,
        /// Options that were set or that matter. Buffer sizes are doubled, as `getsockopt` returns them.
        pub options: Option<Object>,
        /// Device that the socket is bound to.
        pub bound_device: Option<BString>,
        /// The socket's network namespace: CRIU's id, joins `process_namespaces.net`.
        #[to(flow("namespace"))]
        pub net_namespace: Option<NamespaceId>,
        /// Other processes that hold the same open socket.
        pub shared_with: OtherHolders,
    }
}

/// The processes that hold an open socket, except one.
#[derive(Clone, Debug)]
pub struct OtherHolders {
    all: Arc<[Pid]>,
    except: Pid,
}

impl OtherHolders {
    /// The processes, by pid.
    pub fn iter(&self) -> impl Iterator<Item = Pid> + '_ {
        self.all.iter().copied().filter(|&pid| pid != self.except)
    }
}

impl Cell for OtherHolders {
    const TYPE: Type = Type::List;
    const ITEM: Option<Type> = Some(Type::Integer);

    fn value(&self) -> Value<'_> {
        Value::List(self.iter().map(|pid| Value::Integer(pid.0.into())).collect())
    }

    /// The weight of what is shown. In memory, all rows share one list.
    fn weight(&self) -> usize {
        size_of_val::<[Pid]>(&self.all)
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = OpenSocket> + '_ {
    let model = checkpoint.model();
    let mut processes: Vec<&Process> = model.processes().iter().collect();
    processes.sort_by_key(|process| process.pid());
    processes.into_iter().flat_map(move |process| {
        let descriptors = model.descriptors().of(process).iter();
        descriptors.filter_map(move |descriptor| row(model, process, descriptor))
    })
}

fn row(model: &Model, process: &Process, descriptor: &Descriptor) -> Option<OpenSocket> {
    let fd_type = descriptor.fd_type.filter(|fd_type| SOCKETS.contains(fd_type))?;
    let file = model.files().get(fd_type, descriptor.file)?;
    let socket = model.socket(descriptor.file, file)?;
    let options = socket.options.into_iter().map(|(name, setting)| (name, detail(setting)));
    Some(OpenSocket {
        pid: process.pid(),
        fd: descriptor.fd,
        socket: socket.inode,
        family: socket.family.as_str(),
        r#type: socket.socket_type,
        protocol: socket.protocol,
        state: socket.state,
        kernel_state: socket.kernel_state,
        local_address: socket.local_address.map(|address| address.to_string()),
        local_port: socket.local_port.map(u32::from),
        remote_address: socket.remote_address.map(|address| address.to_string()),
        remote_port: socket.remote_port.map(u32::from),
        path: socket.path.map(BString::from),
        peer: socket.peer,
        receive_queue: socket.receive_queue,
        send_queue: socket.send_queue,
        backlog: socket.backlog,
        options: Some(Object(options.collect())).filter(|options| !options.0.is_empty()),
        bound_device: socket.bound_device.map(BString::from),
        net_namespace: socket.net_namespace,
        shared_with: OtherHolders { all: model.holders_of(descriptor.file), except: process.pid() },
    })
}

fn detail(setting: Setting) -> Detail {
    match setting {
        Setting::On => Detail::Bool(true),
        Setting::Number(number) => Detail::Integer(number.into()),
        Setting::Text(text) => Detail::Text(text),
        Setting::Bytes(bytes) => Detail::Bytes(bytes),
    }
}
