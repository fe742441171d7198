//! What a checkpoint has instead of events: processes, files and connections, with the fields of Sigma's taxonomy.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use super::super::facts::{ChangedFile, Direction, Place, ProcessFacts, destination, is_connection};
use super::super::sigma::{Event, EventKind};
use super::super::words::{shown, shown_within};
use super::super::{Evidence, Facts, Link, Next, Report, Subject};
use crate::model::ids::Pid;
use crate::tables::OpenSocket;

/// Longest value of a field. Longer ones are cut.
const VALUE: usize = 64 << 10;
/// Bytes of the list of users that are read.
const USERS: u64 = 1 << 20;

/// Something that Sigma rules are asked about.
pub(super) struct Happened {
    pub(super) event: Event,
    pub(super) subject: Subject,
    pub(super) pid: Option<Pid>,
    /// For a sentence.
    pub(super) title: String,
    pub(super) identity: Vec<BString>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) links: Vec<Link>,
    pub(super) next: Next,
}

/// Everything of a kind. What is not known is told.
pub(super) fn all(facts: &Facts<'_>, kind: EventKind, report: &mut Report<'_>) -> Vec<Happened> {
    let users = Users::read(facts);
    match kind {
        EventKind::Process => facts.living().map(|process| of_process(facts, process, &users, report)).collect(),
        EventKind::File => {
            if !facts.files().has_rootfs() {
                report.not_checked("the archive has no record of changes to the root file system");
            }
            let is_made = |file: &&ChangedFile| file.place != Place::Deleted && !file.engine_noise;
            let files =
                facts.files().all().iter().filter(|file| file.file_type != "directory" && !file.path.is_empty());
            files.filter(is_made).map(|file| of_file(file, &users)).collect()
        }
        EventKind::Deleted => {
            let files = facts.files().all().iter().filter(|file| file.place == Place::Deleted && !file.engine_noise);
            files.map(|file| of_file(file, &users)).collect()
        }
        EventKind::Connection => {
            let mut connections = Vec::new();
            for process in facts.living() {
                for socket in facts.sockets().of(process.pid()).filter(|socket| is_connection(socket)) {
                    connections.push(of_socket(facts, process, socket, &users));
                }
            }
            connections
        }
    }
}

fn put(event: &mut Event, name: &'static str, value: Option<&[u8]>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return };
    let value = value.get(..VALUE.min(value.len())).unwrap_or_default();
    event.push((name, value.to_str_lossy().into_owned()));
}

/// The fields about a process and its parent.
fn fields(facts: &Facts<'_>, process: &ProcessFacts<'_>, users: &Users) -> Event {
    let mut event = Event::new();
    let image = |process: &ProcessFacts<'_>| process.program.path.clone();
    put(&mut event, "Image", image(process).as_deref().map(Vec::as_slice));
    put(&mut event, "CommandLine", Some(process.cmdline()));
    put(&mut event, "CurrentDirectory", process.row.cwd.as_deref().map(Vec::as_slice));
    put(&mut event, "User", process.row.euid.map(|uid| users.name(uid.into())).as_deref().map(str::as_bytes));
    // What Sysmon for Linux calls so is the real user id.
    event.extend(process.row.uid.map(|uid| ("LogonId", uid.to_string())));
    event.push(("ProcessId", process.pid().to_string()));
    if let Some(parent) = facts.parent(process) {
        put(&mut event, "ParentImage", image(parent).as_deref().map(Vec::as_slice));
        put(&mut event, "ParentCommandLine", Some(parent.cmdline()));
        event.push(("ParentProcessId", parent.pid().to_string()));
    }
    event
}

fn row(process: &ProcessFacts<'_>) -> Evidence {
    Evidence::process(process.pid())
        .with("path", process.row.path.as_ref())
        .with("cmdline", process.row.cmdline.as_ref())
        .with("cwd", process.row.cwd.as_ref())
        .with("euid", process.row.euid)
}

fn of_process(facts: &Facts<'_>, process: &ProcessFacts<'_>, users: &Users, report: &mut Report<'_>) -> Happened {
    if process.row.cmdline.is_none() {
        report.not_checked("the arguments of a process are not in the archive");
    }
    let mut evidence = vec![row(process)];
    evidence.extend(facts.parent(process).map(row));
    Happened {
        event: fields(facts, process, users),
        subject: Subject::Process(process.pid()),
        pid: None,
        title: format!("{}, started as {},", process.title(), shown_within(process.cmdline(), 100)),
        identity: process.identity(),
        evidence,
        links: process.program.path.clone().map(Link::Path).into_iter().collect(),
        next: Next::rows_of("processes", process.pid()),
    }
}

fn of_file(file: &ChangedFile, users: &Users) -> Happened {
    let mut event = Event::new();
    put(&mut event, "TargetFilename", Some(&file.path));
    put(&mut event, "User", file.uid.map(|uid| users.name(uid)).as_deref().map(str::as_bytes));
    let (table, what) = match file.place {
        Place::Rootfs => ("rootfs_changes", Some("rootfs")),
        Place::Deleted => ("rootfs_changes", None),
        Place::Volume => ("volume_files", Some("volumes")),
        Place::Tmpfs | Place::Ghost | Place::Memfd | Place::Sysv => ("recovered_files", None),
    };
    let next = match what {
        Some(what) => Next::Extract { what, path: Some(file.path.to_string()) },
        None => Next::rows_where(table, "path", file.path.to_string()),
    };
    Happened {
        event,
        subject: Subject::File(file.path.clone()),
        pid: None,
        title: format!("The file {}, {},", shown(&file.path), file.place.words()),
        identity: vec![file.path.clone()],
        evidence: vec![Evidence::row(table, [("path", (&file.path).into())])],
        links: Vec::new(),
        next,
    }
}

fn of_socket(facts: &Facts<'_>, process: &ProcessFacts<'_>, socket: &OpenSocket, users: &Users) -> Happened {
    let mut event = fields(facts, process, users);
    event.retain(|(name, _)| *name != "ParentProcessId");
    put(&mut event, "DestinationIp", socket.remote_address.as_deref().map(str::as_bytes));
    put(&mut event, "SourceIp", socket.local_address.as_deref().map(str::as_bytes));
    put(&mut event, "Protocol", socket.protocol.as_deref().map(str::as_bytes));
    event.extend(socket.remote_port.map(|port| ("DestinationPort", port.to_string())));
    event.extend(socket.local_port.map(|port| ("SourcePort", port.to_string())));
    event.push(("Initiated", (facts.direction(socket) == Direction::Outbound).to_string()));
    let to = destination(socket);
    let mut identity = process.identity();
    identity.push(to.as_str().into());
    Happened {
        event,
        subject: Subject::Socket(format!("{} {to}", socket.protocol.as_deref().unwrap_or(socket.family))),
        pid: Some(process.pid()),
        title: format!("The connection of {} to {to}", process.title().replacen("Process", "process", 1)),
        identity,
        evidence: vec![
            Evidence::row("process_open_sockets", [("pid", process.pid().into()), ("fd", socket.fd.0.into())])
                .with("remote_address", socket.remote_address.clone())
                .with("remote_port", socket.remote_port),
            row(process),
        ],
        links: socket.socket.map(Link::Socket).into_iter().collect(),
        next: Next::rows_of("process_open_sockets", process.pid()),
    }
}

/// Names of users, as far as the archive has them: the list of users is in the image unless it was changed.
#[derive(Debug, Default)]
struct Users(HashMap<u64, String>);

impl Users {
    fn read(facts: &Facts<'_>) -> Self {
        let mut names = HashMap::new();
        for file in facts.files().at(b"/etc/passwd").filter(|file| file.file_type == "regular") {
            for line in facts.files().head(file, USERS).lines() {
                let mut fields = line.split(|&byte| byte == b':');
                let (Some(name), Some(uid)) = (fields.next(), fields.nth(1)) else { continue };
                if let Some(uid) = uid.to_str().ok().and_then(|uid| uid.parse().ok()) {
                    names.entry(uid).or_insert_with(|| name.to_str_lossy().into_owned());
                }
            }
        }
        Users(names)
    }

    /// The name of a user, or the number as text.
    fn name(&self, uid: u64) -> String {
        match self.0.get(&uid) {
            Some(name) => name.clone(),
            None if uid == 0 => "root".to_owned(),
            None => uid.to_string(),
        }
    }
}
