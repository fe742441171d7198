//! The checkpoint of a document, with what documents need of its other rows: a SIEM has no joins.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::bulk::{BulkAction, Index};
use super::known::{Known, Processes};
use super::{document, json};
use crate::abi::ip;
use crate::tables::{Container, Name, OpenFile, OpenSocket, Process, Row, Tty, Value};

/// Names of `--field` that name the host.
pub(super) const HOST_FIELDS: [&str; 2] = ["node", "host"];
/// Name of `--field` that names the cluster.
pub(super) const CLUSTER_FIELD: &str = "cluster";

/// A checkpoint, as described in documents.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(super) container: Container,
    pub(super) identity: String,
    /// The archive, by path or digest.
    pub(super) archive: String,
    /// The directory in the archive, if it holds several checkpoints.
    pub(super) set: Option<String>,
    /// Time of the dump, and its source.
    pub(super) time: Option<(Timestamp, String)>,
    /// Whether documents include secrets.
    pub(super) secrets: bool,
    /// Whether `process.pid` of ECS is omitted, as it means the pid on the host, which archives do not store.
    pub(super) strict: bool,
    /// Whether OCSF uses the classes before Live Evidence Info.
    pub(super) legacy: bool,
    /// Whether ECS also marks processes as started.
    pub(super) starts: bool,
    /// The user's own fields for all rows: node, cluster, case.
    pub(super) fields: Vec<(String, String)>,
    /// SHA-256 of the archive, if it was hashed.
    pub(super) archive_sha256: Option<String>,
    /// Index of ECS documents.
    pub(super) index: Index,
    /// What the server does with a document that it already has.
    pub(super) bulk_action: BulkAction,
    pub(super) processes: Processes,
    listeners: HashSet<Listener>,
    /// The same, in any namespace.
    listened: HashSet<(String, u32)>,
}

/// A listening port: network namespace, protocol, port.
type Listener = (Option<u32>, String, u32);

impl Origin {
    /// Maximum number of labels or addresses of the container that every document repeats.
    pub(super) const REPEATED: usize = 100;

    /// Creates the origin for a container. The identity is that of [`crate::Checkpoint::identity`].
    pub fn new(mut container: Container, identity: String, archive: String, set: Option<String>) -> Self {
        // Every document repeats part of it. Its own row has everything.
        container.annotations = None;
        for repeated in [&mut container.ip_addresses, &mut container.mac_addresses].into_iter().flatten() {
            repeated.truncate(Self::REPEATED);
        }
        let from = container.checkpointed_from.unwrap_or_default().to_owned();
        Origin {
            time: container.checkpointed.map(|time| (time, from)),
            container,
            identity,
            archive,
            set,
            secrets: false,
            strict: false,
            legacy: false,
            starts: false,
            fields: Vec::new(),
            archive_sha256: None,
            index: Index::default(),
            bulk_action: BulkAction::default(),
            processes: Processes::default(),
            listeners: HashSet::new(),
            listened: HashSet::new(),
        }
    }

    /// Sets the time of the dump, for archives that do not store it.
    #[must_use]
    pub fn or_time(mut self, given: Option<Timestamp>) -> Self {
        self.time = self.time.or_else(|| Some((given?, "given".to_owned())));
        self
    }

    /// Sets the SHA-256 of the archive, if it was hashed.
    #[must_use]
    pub fn with_archive_sha256(self, sha256: Option<String>) -> Self {
        Origin { archive_sha256: sha256, ..self }
    }

    /// Includes data that is often secret: values of environment variables.
    #[must_use]
    pub fn with_secrets(self) -> Self {
        Origin { secrets: true, ..self }
    }

    /// Omits `process.pid` of ECS, which is the pid on the host. `process.vpid` has the pid in the namespace.
    #[must_use]
    pub fn without_host_pids(self) -> Self {
        Origin { strict: true, ..self }
    }

    /// Uses the classes that OCSF had before 1.5.0, where one can hold the row.
    #[must_use]
    pub fn with_legacy_classes(self) -> Self {
        Origin { legacy: true, ..self }
    }

    /// Adds a process start to the state of each process in ECS, so that rules about starts match it.
    #[must_use]
    pub fn with_starts(self) -> Self {
        Origin { starts: true, ..self }
    }

    /// Sets the user's own fields for all rows.
    #[must_use]
    pub fn with_fields(self, fields: Vec<(String, String)>) -> Self {
        Origin { fields, ..self }
    }

    /// Sets the index of ECS documents.
    #[must_use]
    pub fn with_index(self, index: Index) -> Self {
        Origin { index, ..self }
    }

    /// Sets what the server does with a document that it already has.
    #[must_use]
    pub fn with_bulk_action(self, bulk_action: BulkAction) -> Self {
        Origin { bulk_action, ..self }
    }

    /// Adds the processes, so that rows can name the process that they belong to.
    #[must_use]
    pub fn with_processes(mut self, rows: impl Iterator<Item = Process>) -> Self {
        self.processes.set_all(rows);
        self
    }

    /// Adds terminals and descriptors, which show whether a process is interactive. Call it after setting the
    /// processes.
    #[must_use]
    pub fn with_terminals(mut self, ttys: impl Iterator<Item = Tty>, files: impl Iterator<Item = OpenFile>) -> Self {
        self.processes.set_terminals(ttys, files);
        self
    }

    /// Adds the sockets, which show who listened for a connection.
    #[must_use]
    pub fn with_sockets(mut self, rows: impl Iterator<Item = OpenSocket>) -> Self {
        let listener = |row: OpenSocket| {
            let namespace = row.net_namespace.map(|id| id.0);
            (row.state.as_deref() == Some("LISTEN")).then_some((namespace, row.protocol?.into_owned(), row.local_port?))
        };
        self.listeners = rows.filter_map(listener).collect();
        self.listened = self.listeners.iter().map(|(_, protocol, port)| (protocol.clone(), *port)).collect();
        self
    }

    /// Whether the time of the dump is known.
    pub fn has_time(&self) -> bool {
        self.time.is_some()
    }

    pub(super) fn process(&self, pid: u32) -> Option<&Known> {
        self.processes.get(pid)
    }

    /// The host: the user's field, or the name that the container had for it.
    pub(super) fn host_name(&self) -> Option<Cow<'_, str>> {
        let said = self.fields.iter().find(|(name, _)| HOST_FIELDS.contains(&name.as_str()));
        let said = said.map(|(_, text)| Cow::Borrowed(text.as_str()));
        let own = self.container.hostname.as_ref().map(|name| document::text_of(name));
        said.filter(|text| !text.is_empty()).or(own).filter(|text| !text.is_empty())
    }

    /// Whether a port is listened on in a network namespace, or in any if the namespace is not known.
    pub(super) fn listens(&self, namespace: Option<u32>, protocol: &str, port: u32) -> bool {
        match namespace {
            Some(_) => self.listeners.contains(&(namespace, protocol.to_owned(), port)),
            None => self.listened.contains(&(protocol.to_owned(), port)),
        }
    }

    /// Identifies a process in all checkpoints of its container: by the container's id, the pid, and the addresses at
    /// which its program was loaded, which distinguish it from a later process with the same pid. A process that has
    /// executed another program since, or has ended, gets another identity. Without a container id, the identity is
    /// valid for this dump only.
    pub(super) fn entity(&self, pid: u32) -> String {
        let container = self.container.id.as_deref().unwrap_or(&self.identity);
        let layout = self.process(pid).map(|known| known.layout.map(|address| address.map_or(0, |address| address.0)));
        let mut digest = Sha256::new().chain_update(container).chain_update([0]).chain_update(pid.to_string());
        for address in layout.unwrap_or_default() {
            digest.update(address.to_be_bytes());
        }
        BASE64URL_NOPAD.encode(&digest.finalize()).chars().take(22).collect()
    }

    /// The path of a member below the root of the checkpoint: a directory around everything comes from packing.
    fn below<'p>(&self, path: Cow<'p, [u8]>) -> Cow<'p, [u8]> {
        let root = self.set.as_deref().unwrap_or_default();
        match path.strip_prefix(root.as_bytes()).and_then(|rest| rest.strip_prefix(b"/")) {
            Some(rest) if !root.is_empty() => Cow::Owned(rest.to_vec()),
            // A work directory is next to the image directory.
            _ => match root.rsplit_once('/').and_then(|(above, _)| path.strip_prefix(above.as_bytes())) {
                Some([b'/', rest @ ..]) => Cow::Owned(rest.to_vec()),
                _ => path,
            },
        }
    }

    /// The container's addresses, as in packets.
    pub(super) fn addresses(&self) -> Vec<String> {
        let all = self.container.ip_addresses.as_deref().unwrap_or_default();
        all.iter().map(|text| ip::text_on_the_wire(text).into_owned()).collect()
    }
}

/// Gives the rows of a checkpoint their ids. The same row of the same checkpoint always gets the same id, whatever its
/// archive is called, so that a row sent twice is stored once.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Number of rows with each key: images may contain duplicates.
    seen: HashMap<[u8; 16], u64>,
}

impl Ids {
    /// The id of the next row. Rows with equal, empty or partly null keys are distinguished by their order.
    pub(super) fn next(&mut self, row: &dyn Row, origin: &Origin) -> String {
        let table = row.table();
        let value = |name: &Name| match table.column(name).map_or(Value::Null, |column| row.value(column)) {
            Value::Bytes(path) if table.names_members(name) => Value::Bytes(origin.below(path)),
            value => value,
        };
        // The name of the archive says nothing about the dump.
        let key = table.key.iter().filter(|name| !matches!(&***name, "archive" | "set"));
        let values: Vec<Value<'_>> = key.map(value).collect();
        let unique = !values.is_empty() && !values.contains(&Value::Null);
        let hash = Sha256::new()
            .chain_update("cryoscope\0")
            .chain_update(&*table.name)
            .chain_update([0])
            .chain_update(&origin.identity)
            .chain_update([0])
            .chain_update(json::to_text(&Value::List(values)));
        let id = |hash: Sha256| -> [u8; 16] { hash.finalize().first_chunk().copied().unwrap_or_default() };
        let seen = self.seen.entry(id(hash.clone())).or_default();
        let number = *seen;
        *seen = seen.saturating_add(1);
        if unique && number == 0 {
            return BASE64URL_NOPAD.encode(&id(hash));
        }
        BASE64URL_NOPAD.encode(&id(hash.chain_update([0]).chain_update(number.to_string())))
    }
}
