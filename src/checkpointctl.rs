//! JSON with checkpointctl's keys and correct values, for scripts written for checkpointctl.
//!
//! Where checkpointctl prints a wrong value, such as `containerd` for another engine, the correct value is under the
//! same key. If an engine wrote the archive but nothing tells which, the value is `containerd`, as scripts expect it
//! for an empty specification. For images that no engine packed, which checkpointctl refuses, it is `unknown`.
//!
//! It is made of rows: fill a [`Report`] with those of one checkpoint, and ask for [`Report::to_json`].

use std::collections::{BTreeMap, HashMap};

use bstr::BString;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::engine::network::{Interface, Place};
use crate::model::ids::{Fd, Pid};
use crate::tables::lossy;
use crate::tables::{Container, Detail, Mount, OpenFile, OpenSocket, Process, ProcessEnv, Statistics};

/// The rows of one checkpoint. Parts that were not requested are `None` or empty.
#[derive(Debug, Default)]
pub struct Report {
    /// Row of `container`.
    pub container: Option<Container>,
    /// Networks, as the engine recorded them.
    pub interfaces: Vec<Interface>,
    /// Sizes of the parts of the archive.
    pub sizes: Sizes,
    /// Row of `statistics`.
    pub statistics: Option<Statistics>,
    /// Whether pod and annotations were requested.
    pub metadata: bool,
    /// Rows of `processes`, beginning with the root of the tree.
    pub processes: Option<Vec<Process>>,
    /// Whether command lines were requested.
    pub command_lines: bool,
    /// Rows of `process_envs`.
    pub variables: Option<Vec<ProcessEnv>>,
    /// Rows of `process_open_files`, and of `processes` for the directories.
    pub files: Option<(Vec<OpenFile>, Vec<Process>)>,
    /// Rows of `process_open_sockets`, for the sockets shown and for the types of open files.
    pub sockets: Vec<OpenSocket>,
    /// Whether sockets were requested.
    pub show_sockets: bool,
    /// Rows of `mounts`.
    pub mounts: Option<Vec<Mount>>,
}

/// Sizes of the parts of an archive, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    /// All files of the image directory.
    pub images: u64,
    /// Pages images.
    pub pages: u64,
    /// Pages of AMD GPUs.
    pub gpu_pages: u64,
    /// `rootfs-diff.tar`.
    pub rootfs_diff: u64,
}

impl Report {
    /// The JSON object.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        if let Some(container) = &self.container {
            self.add_container(container, &mut object);
        }
        object.insert("checkpoint_size".to_owned(), self.sizes.to_json());
        if let Some(statistics) = &self.statistics {
            object.insert("statistics".to_owned(), statistics_json(statistics));
        }
        if let (true, Some(container)) = (self.metadata, &self.container) {
            object.insert("metadata".to_owned(), metadata(container));
        }
        if let Some(processes) = &self.processes {
            self.add_tree(processes, &mut object);
        }
        if let Some((files, processes)) = &self.files {
            insert_list("file_descriptors", self.descriptors(files, processes), &mut object);
        }
        if self.show_sockets {
            insert_list("sockets", self.socket_lists(), &mut object);
        }
        if let Some(mounts) = &self.mounts {
            let asked = mounts.iter().filter(|mount| mount.from == "spec");
            let text = |text: &Option<BString>| text.as_ref().map_or_else(String::new, |t| lossy(t));
            let list = asked
                .map(|m| json!({"destination": lossy(&m.path), "type": text(&m.r#type), "source": text(&m.source)}));
            insert_list("mounts", list.collect(), &mut object);
        }
        Value::Object(object)
    }

    fn add_container(&self, container: &Container, object: &mut Map<String, Value>) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
        put("container_name", text(&container.name).into());
        put("image", text(&container.image).into());
        put("id", text(&container.id).into());
        put("runtime", text(&container.runtime).into());
        put("created", created(container.engine, container.annotations.as_ref(), container.created).into());
        if let Some(time) = container.checkpointed {
            put("checkpointed", seconds(time).into());
        }
        let is_packed = container.id.is_some() || container.name.is_some();
        put("engine", container.engine.unwrap_or(if is_packed { "containerd" } else { "unknown" }).into());
        if let Some(addresses) = container.ip_addresses.as_ref().filter(|list| !list.is_empty()) {
            put("ip", addresses.join(", ").into());
        }
        if let Some(macs) = container.mac_addresses.as_ref().filter(|list| !list.is_empty()) {
            put("mac", macs.join(", ").into());
        }
        if self.interfaces.iter().any(|interface| interface.place == Place::Status) {
            put("networks", networks(&self.interfaces));
        }
    }

    /// Adds the tree as one object. Further roots, which CRIU never dumps, are next to it.
    fn add_tree(&self, processes: &[Process], object: &mut Map<String, Value>) {
        let shown: HashMap<Pid, &Process> = processes.iter().map(|process| (process.pid, process)).collect();
        let mut environments: HashMap<Pid, BTreeMap<String, String>> = HashMap::new();
        for row in self.variables.iter().flatten() {
            // If a variable is given twice, the last one is used.
            environments.entry(row.pid).or_default().extend([variable(row)]);
        }
        let mut roots = Vec::new();
        let mut children: HashMap<Pid, Vec<Value>> = HashMap::new();
        // Children come after their parents, so going backwards, each process finds its children complete.
        for process in processes.iter().rev() {
            let mut below = children.remove(&process.pid).unwrap_or_default();
            below.reverse();
            let value = self.process(process, environments.remove(&process.pid), below);
            match process.parent.map(Pid).filter(|parent| shown.contains_key(parent)) {
                Some(parent) => children.entry(parent).or_default().push(value),
                None => roots.push(value),
            }
        }
        roots.reverse();
        let mut roots = roots.into_iter();
        if let Some(root) = roots.next() {
            object.insert("process_tree".to_owned(), root);
        }
        insert_list("other_process_trees", roots.collect(), object);
    }

    fn process(&self, process: &Process, environment: Option<BTreeMap<String, String>>, children: Vec<Value>) -> Value {
        let mut object = Map::new();
        object.insert("pid".to_owned(), process.pid.0.into());
        object.insert("command".to_owned(), process.name.as_ref().map_or_else(String::new, |name| lossy(name)).into());
        if let Some(argv) = process.argv.as_ref().filter(|argv| self.command_lines && !argv.is_empty()) {
            // Each argument ends with a NUL, which is shown as a blank.
            object.insert("cmdline".to_owned(), format!("{} ", lossy(&bstr::join(" ", argv))).into());
        }
        let state = match process.state {
            Some("alive") => "Alive",
            Some("stopped") => "Stopped",
            Some("zombie") => "Zombie",
            Some("dead") => "Dead",
            _ => "Unknown",
        };
        object.insert("task_state".to_owned(), state.into());
        if let Some(environment) = environment.filter(|environment| !environment.is_empty()) {
            object.insert("environment_variables".to_owned(), json!(environment));
        }
        insert_list("children", children, &mut object);
        Value::Object(object)
    }

    fn descriptors(&self, files: &[OpenFile], processes: &[Process]) -> Vec<Value> {
        let families: HashMap<(Pid, Fd), &OpenSocket> =
            self.sockets.iter().map(|socket| ((socket.pid, socket.fd), socket)).collect();
        let mut by_process: HashMap<Pid, Vec<Value>> = HashMap::new();
        for file in files {
            let socket = families.get(&(file.pid, file.fd)).copied();
            let fd_type = fd_type(file, socket);
            let path = match (fd_type, &file.path, socket) {
                ("REG", Some(path), _) => lossy(path),
                ("PIPE", Some(path), _) => lossy(path).replacen("pipe:", "pipe", 1),
                ("UNIXSK", _, Some(socket)) => unix_path(socket),
                _ => format!("{fd_type}.{}", file.file_id),
            };
            let entry = json!({"type": fd_type, "fd": format!("{fd_type} {}", file.fd), "path": path});
            by_process.entry(file.pid).or_default().push(entry);
        }
        let alive = processes.iter().filter(|process| process.state != Some("zombie"));
        alive
            .map(|process| {
                let mut open = by_process.remove(&process.pid).unwrap_or_default();
                for (name, path) in [("cwd", &process.cwd), ("root", &process.root)] {
                    if let Some(path) = path {
                        open.push(json!({"type": "", "fd": name, "path": lossy(path)}));
                    }
                }
                let mut object = Map::new();
                object.insert("pid".to_owned(), process.pid.0.into());
                insert_list("open_files", open, &mut object);
                Value::Object(object)
            })
            .collect()
    }

    /// Sockets by process, in the order of the tree if there is one.
    fn socket_lists(&self) -> Vec<Value> {
        let mut by_process: HashMap<Pid, Vec<Value>> = HashMap::new();
        for socket in &self.sockets {
            by_process.entry(socket.pid).or_default().push(socket_json(socket));
        }
        // Sockets of processes outside the selected tree come last.
        let in_tree = self.processes.iter().flatten().map(|process| process.pid);
        let order: Vec<Pid> = in_tree.chain(self.sockets.iter().map(|socket| socket.pid)).collect();
        let lists = order.into_iter().filter_map(|pid| Some((pid, by_process.remove(&pid)?)));
        lists.map(|(pid, open)| json!({"pid": pid.0, "open_sockets": open})).collect()
    }
}

impl Sizes {
    fn to_json(self) -> Value {
        let sizes = [
            ("total_size", self.images),
            ("memory_pages_size", self.pages),
            ("amd_gpu_memory_pages_size", self.gpu_pages),
            ("root_fs_diff_size", self.rootfs_diff),
        ];
        numbers(sizes.into_iter().map(|(key, bytes)| (key, Some(bytes))))
    }
}

/// Keys with a number that is known and not zero.
fn numbers(entries: impl Iterator<Item = (&'static str, Option<u64>)>) -> Value {
    let known = entries.filter_map(|(key, number)| Some((key.to_owned(), Value::from(number.filter(|&n| n != 0)?))));
    Value::Object(known.collect())
}

fn insert_list(key: &str, list: Vec<Value>, object: &mut Map<String, Value>) {
    if !list.is_empty() {
        object.insert(key.to_owned(), Value::Array(list));
    }
}

/// A time in Go's `time.RFC3339` format: whole seconds.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The time of creation of the container. For CRI-O, the text of its annotation, which has a fraction.
fn created(engine: Option<&str>, annotations: Option<&Map<String, Value>>, time: Option<Timestamp>) -> String {
    let annotations = annotations.filter(|_| engine == Some("CRI-O"));
    let text = annotations.and_then(|annotations| annotations.get("io.kubernetes.cri-o.Created")?.as_str());
    let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
    text.or_else(|| time.map(seconds)).unwrap_or_default()
}

/// A variable. Text without `=`, on which checkpointctl fails, is a name without a value.
fn variable(row: &ProcessEnv) -> (String, String) {
    (lossy(&row.key), row.value.as_ref().map_or_else(String::new, |value| lossy(value)))
}

fn statistics_json(row: &Statistics) -> Value {
    numbers(
        [
            ("freezing_time", row.freezing_us.map(u64::from)),
            ("frozen_time", row.frozen_us.map(u64::from)),
            ("memdump_time", row.memdump_us.map(u64::from)),
            ("memwrite_time", row.memwrite_us.map(u64::from)),
            ("pages_scanned", row.pages_scanned),
            ("pages_written", row.pages_written),
        ]
        .into_iter(),
    )
}

fn metadata(container: &Container) -> Value {
    let mut object = Map::new();
    for (key, text) in [("pod_name", &container.pod), ("kubernetes_namespace", &container.namespace)] {
        if let Some(text) = text {
            object.insert(key.to_owned(), text.clone().into());
        }
    }
    if let Some(annotations) = container.annotations.as_ref().filter(|annotations| !annotations.is_empty()) {
        let sorted: BTreeMap<&String, &Value> = annotations.iter().collect();
        object.insert("annotations".to_owned(), json!(sorted));
    }
    Value::Object(object)
}

/// If an interface has several subnets, the last one is used, as in checkpointctl; `ip` has all of them.
fn networks(interfaces: &[Interface]) -> Value {
    let mut networks: Vec<(&str, Map<String, Value>)> = Vec::new();
    // checkpointctl reads only `network.status`.
    for interface in interfaces.iter().filter(|interface| interface.place == Place::Status) {
        let network = interface.network.as_deref().unwrap_or_default();
        if networks.last().is_none_or(|(name, _)| *name != network) {
            networks.push((network, Map::new()));
        }
        let fields = [
            ("ip", interface.addresses.last()),
            ("mac", interface.mac.as_ref()),
            ("gateway", interface.gateways.last()),
        ];
        let known = fields.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.clone().into())));
        if let Some((_, list)) = networks.last_mut() {
            list.insert(interface.name.clone().unwrap_or_default(), Value::Object(known.collect()));
        }
    }
    networks.into_iter().map(|(name, interfaces)| json!({"name": name, "interfaces": interfaces})).collect()
}

/// CRIU's name for a file type.
fn fd_type(file: &OpenFile, socket: Option<&OpenSocket>) -> &'static str {
    match (file.r#type, socket.map(|socket| socket.family)) {
        (Some("socket"), Some("unix")) => "UNIXSK",
        (Some("socket"), Some("netlink")) => "NETLINKSK",
        (Some("socket"), Some("packet")) => "PACKETSK",
        (Some("socket"), Some(_)) => "INETSK",
        (Some("pipe"), _) => "PIPE",
        (Some("fifo"), _) => "FIFO",
        (Some("eventfd"), _) => "EVENTFD",
        (Some("eventpoll"), _) => "EVENTPOLL",
        (Some("signalfd"), _) => "SIGNALFD",
        (Some("timerfd"), _) => "TIMERFD",
        (Some("inotify"), _) => "INOTIFY",
        (Some("fanotify"), _) => "FANOTIFY",
        (Some("memfd"), _) => "MEMFD",
        (Some("tty"), _) => "TTY",
        (Some("pidfd"), _) => "PIDFD",
        (Some("namespace"), _) => "NS",
        (Some("tun"), _) => "TUNF",
        (Some("bpf_map"), _) => "BPFMAP",
        (Some("other"), _) if file.path.is_none() => "EXT",
        _ => "REG",
    }
}

fn unix_path(socket: &OpenSocket) -> String {
    let name = socket.path.as_ref().map_or_else(String::new, |path| format!(" {}", lossy(path)));
    let peer = socket.peer.map_or_else(|| "0".to_owned(), |peer| peer.to_string());
    format!("unix[{} ({peer}){name}]", socket.socket.unwrap_or_default())
}

fn socket_json(socket: &OpenSocket) -> Value {
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| drop(data.insert(key.to_owned(), value));
    if socket.family == "unix" {
        put("type", "UNIX".into());
        if let Some(path) = &socket.path {
            // Abstract names begin with a NUL in checkpointctl, and with @ here.
            let is_abstract = path.starts_with(b"@");
            let name =
                if is_abstract { lossy(&[b"\0", path.get(1..).unwrap_or_default()].concat()) } else { lossy(path) };
            put("address", name.into());
        }
        return json!({"data": data});
    }
    let protocol = socket.protocol.as_deref().unwrap_or_default().to_uppercase();
    let is_inet = socket.family.starts_with("inet");
    if is_inet {
        put("type", protocol.clone().into());
        if let Some(state) = &socket.state {
            put("state", state.clone().into());
        }
        for (key, address) in [("src", &socket.local_address), ("dst", &socket.remote_address)] {
            if let Some(address) = address {
                put(key, address.clone().into());
            }
        }
        for (key, port) in [("src_port", socket.local_port), ("dst_port", socket.remote_port)] {
            if let Some(port) = port.filter(|&port| port != 0) {
                put(key, port.into());
            }
        }
    }
    for (key, option) in [("send_buf", "send_buffer"), ("recv_buf", "receive_buffer")] {
        if let Some(bytes) = buffer(socket, option) {
            put(key, go_size(bytes).into());
        }
    }
    if is_inet { json!({"protocol": protocol, "data": data}) } else { json!({"data": data}) }
}

fn buffer(socket: &OpenSocket, name: &str) -> Option<u64> {
    let (_, detail) = socket.options.as_ref()?.0.iter().find(|(option, _)| *option == name)?;
    match detail {
        Detail::Integer(bytes) => u64::try_from(*bytes).ok(),
        _ => None,
    }
}

/// A size as checkpointctl prints buffers: `16.0 KB`, in units of 1024.
fn go_size(bytes: u64) -> String {
    crate::formats::units::size(bytes).replace("iB", "B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_checkpointctl_does() {
        assert_eq!(
            (go_size(16384).as_str(), go_size(131_072).as_str(), go_size(100).as_str()),
            ("16.0 KB", "128.0 KB", "100 B")
        );
    }

    #[test]
    fn times_have_whole_seconds() {
        assert_eq!(seconds("2026-11-23T10:06:00.123456789Z".parse().unwrap()), "2026-11-23T10:06:00Z");
    }

    #[test]
    fn variables_without_a_value_are_kept() {
        let variable = |key: &str, value: Option<&str>| {
            variable(&ProcessEnv { pid: Pid(1), position: 0, key: key.into(), value: value.map(BString::from) })
        };
        assert_eq!(variable("nginx: worker", None), ("nginx: worker".to_owned(), String::new()));
        assert_eq!(variable("A", Some("b=c")), ("A".to_owned(), "b=c".to_owned()));
    }

    #[test]
    fn created_is_what_the_engine_says() {
        let text_of = |engine, annotation: Option<&str>| {
            let entry = |text: &str| ("io.kubernetes.cri-o.Created".to_owned(), Value::from(text));
            let annotations: Option<Map<String, Value>> = annotation.map(|text| [entry(text)].into_iter().collect());
            let time = Some("2026-11-23T10:06:00.123456789Z".parse().unwrap());
            created(Some(engine), annotations.as_ref(), time)
        };
        let text = "2026-11-23T11:06:00.5+01:00";
        assert_eq!(text_of("CRI-O", Some(text)), text);
        assert_eq!(text_of("CRI-O", None), "2026-11-23T10:06:00Z");
        assert_eq!(text_of("Podman", Some(text)), "2026-11-23T10:06:00Z");
    }

    #[test]
    fn parts_that_are_empty_are_left_out() {
        let report = Report { sizes: Sizes { images: 5, ..Sizes::default() }, ..Report::default() };
        assert_eq!(report.to_json(), json!({"checkpoint_size": {"total_size": 5}}));
    }
}
