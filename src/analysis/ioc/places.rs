//! The places in which indicators are looked for.

use std::collections::HashSet;
use std::net::IpAddr;

use bstr::{BStr, BString, ByteSlice};

use super::super::Fact;
use super::super::facts::{ChangedFile, Place, ProcessFacts, base};
use super::super::hits::Sought;
use super::super::indicators::Kind;
use super::super::indicators::index::{Has, parent};
use super::super::indicators::value::plain;
use super::super::memory::carved;
use super::super::secrets::redacted;
use super::super::traffic::{outbound, peer};
use super::How;
use super::find::{Collector, Spot};
use super::keys::fingerprints;
use crate::int::u64_of;
use crate::tables::OpenSocket;

/// Bytes of a file that are searched, and of all files.
const FILE: u64 = 8 << 20;
const FILES: u64 = 512 << 20;
/// Pairs of hashes of similar files that are compared.
const PAIRS: u64 = 20_000_000;
/// Bytes of memory before and behind a match that are read for its context.
const AROUND: u64 = super::super::indicators::words::CONTEXT;
/// Open and mapped files of a process.
const PATHS: usize = 20_000;

/// Sockets and tracked connections.
pub(super) fn network(to: &mut Collector<'_, '_>) {
    let facts = to.facts;
    let mut seen: HashSet<u64> = HashSet::new();
    for socket in facts.sockets().all() {
        // Workers share the sockets of their parents.
        if socket.socket.is_some_and(|number| !seen.insert(number)) {
            continue;
        }
        match socket.family {
            "inet" | "inet6" => internet(to, socket),
            "unix" => unix(to, socket),
            _ => {}
        }
    }
    for flow in facts.checkpoint().rows().conntrack() {
        to.look();
        let protocol = flow.protocol.as_deref().map(str::to_owned);
        let ends = [
            (&flow.destination, flow.destination_port, "outbound"),
            (&flow.source, flow.source_port, "inbound"),
            (&flow.reply_source, flow.reply_source_port, "outbound"),
            (&flow.reply_destination, flow.reply_destination_port, "inbound"),
        ];
        let mut done: Vec<IpAddr> = Vec::new();
        for (address, port, direction) in ends {
            let Some(address) = address.as_deref().and_then(|text| text.parse().ok()).map(plain) else { continue };
            if done.contains(&address) {
                continue;
            }
            done.push(address);
            let port = port.unwrap_or(0);
            let spot = Spot {
                place: "tracked connection",
                table: "conntrack",
                key: vec![("namespace", flow.namespace.0.into()), ("id", flow.id.unwrap_or(0).into())],
                direction: Some(direction),
                protocol: protocol.clone(),
                remote: Some((address.to_string(), port)),
                in_use: true,
                ..Spot::default()
            };
            at_address(to, address, &[port], &spot);
        }
    }
}

fn at_address(to: &mut Collector<'_, '_>, address: IpAddr, ports: &[u32], spot: &Spot) {
    let text = address.to_string();
    let ports: Vec<u16> = ports.iter().filter_map(|&port| u16::try_from(port).ok()).filter(|&port| port != 0).collect();
    let mut numbers = to.index.of_address(address);
    numbers.extend(to.index.matching(Kind::Address, text.as_bytes()));
    let has = Has { values: vec![(Kind::Address, text.as_bytes())], address: Some(address), ports };
    to.row(&numbers, &has, How::Contact, spot);
}

fn internet(to: &mut Collector<'_, '_>, socket: &OpenSocket) {
    to.look();
    let remote = socket.remote_address.as_deref().and_then(|text| text.parse::<IpAddr>().ok()).map(plain);
    let remote = remote.filter(|address| !address.is_unspecified());
    let is_listening = socket.state.as_deref() == Some("LISTEN") || remote.is_none();
    let direction = if is_listening {
        "listening"
    } else if peer(socket).is_some() && outbound(to.facts, socket).is_none() {
        "inbound"
    } else {
        "outbound"
    };
    let port = if is_listening { socket.local_port } else { socket.remote_port }.unwrap_or(0);
    let spot = Spot {
        place: "socket",
        table: "process_open_sockets",
        key: vec![("pid", socket.pid.into()), ("fd", socket.fd.0.into())],
        pid: Some(socket.pid),
        direction: Some(direction),
        protocol: socket.protocol.as_deref().map(str::to_owned),
        remote: remote.map(|address| (address.to_string(), port)),
        socket: socket.socket,
        context: if is_listening { format!("port {port}").into_bytes() } else { Vec::new() },
        in_use: true,
        ..Spot::default()
    };
    if let Some(address) = remote {
        at_address(to, address, &[port], &spot);
    }
    // A port alone is a sign only where somebody waits for connections, or began one.
    if direction != "inbound"
        && let Ok(port) = u16::try_from(port)
    {
        let numbers = to.index.of_port(port).to_vec();
        let text = remote.map(|address| address.to_string()).unwrap_or_default();
        let values = vec![(Kind::Address, text.as_bytes())];
        to.row(&numbers, &Has { values, ports: vec![port], address: remote }, How::Contact, &spot);
    }
}

fn unix(to: &mut Collector<'_, '_>, socket: &OpenSocket) {
    let Some(path) = &socket.path else { return };
    to.look();
    let bare = path.strip_prefix(b"@").unwrap_or(path);
    let spot = Spot {
        place: "unix socket",
        table: "process_open_sockets",
        key: vec![("pid", socket.pid.into()), ("fd", socket.fd.0.into())],
        pid: Some(socket.pid),
        path: Some(path.clone()),
        socket: socket.socket,
        in_use: true,
        ..Spot::default()
    };
    let mut numbers = keyed(to, &[Kind::Socket, Kind::Path], path);
    numbers.extend(keyed(to, &[Kind::Socket], bare));
    numbers.extend(to.index.matching(Kind::Socket, path));
    numbers.dedup();
    to.row(
        &numbers,
        &Has { values: vec![(Kind::Socket, path), (Kind::Path, path)], ..Has::default() },
        How::Contact,
        &spot,
    );
}

/// The entries of some kinds with a key.
fn keyed(to: &Collector<'_, '_>, kinds: &[Kind], key: &[u8]) -> Vec<u32> {
    to.index.with_key(key).filter(|(_, entry)| kinds.contains(&entry.kind)).map(|(number, _)| number).collect()
}

/// The entries for a path: itself, its name, the directories that it is in.
fn of_path(to: &Collector<'_, '_>, path: &[u8]) -> Vec<u32> {
    let mut numbers = keyed(to, &[Kind::Path], path);
    numbers.extend(keyed(to, &[Kind::Name], base(path)));
    if to.index.has(Kind::Directory) {
        for at in memchr::memrchr_iter(b'/', path).take(64) {
            numbers.extend(keyed(to, &[Kind::Directory], path.get(..at).unwrap_or_default()));
        }
        numbers.extend(keyed(to, &[Kind::Directory], path));
    }
    for (kind, text) in [(Kind::Path, path), (Kind::Name, base(path)), (Kind::Directory, parent(path))] {
        numbers.extend(to.index.matching(kind, text));
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Processes: names, programs, arguments, environments, open and mapped files.
pub(super) fn processes(to: &mut Collector<'_, '_>) {
    let facts = to.facts;
    for process in facts.living() {
        to.look();
        let pid = process.pid();
        let spot = Spot {
            place: "process",
            table: "processes",
            key: vec![("pid", pid.into())],
            pid: Some(pid),
            path: process.program.path.clone(),
            context: redacted(process.cmdline()).into_owned(),
            in_use: true,
            ..Spot::default()
        };
        program(to, process, &spot);
        command(to, process, &spot);
        match process.env() {
            Some(variables) => {
                for (position, (key, value)) in (0_u64..).zip(variables) {
                    let text = [key.as_slice(), b"=", value.as_slice()].concat();
                    let key = vec![("pid", pid.into()), ("position", position.into())];
                    let spot =
                        Spot { place: "environment", table: "process_envs", key, pid: Some(pid), ..Spot::default() };
                    to.text(&text, &spot);
                }
            }
            None => to.not_compared("environments that are in memory which is not in the archive"),
        }
        used_files(to, process);
    }
}

fn program(to: &mut Collector<'_, '_>, process: &ProcessFacts<'_>, spot: &Spot) {
    let path = process.program.path.clone().unwrap_or_default();
    let (name, line) = (process.name().to_vec(), process.cmdline().to_vec());
    let mut numbers = of_path(to, &path);
    for text in [name.as_slice(), base(&path)] {
        numbers.extend(keyed(to, &[Kind::Process, Kind::Name], text));
        numbers.extend(to.index.matching(Kind::Process, text));
    }
    // A script is the program, too.
    let called = process.argv().first().map_or(&b""[..], |first| base(first));
    numbers.extend(keyed(to, &[Kind::Process], called));
    numbers.sort_unstable();
    numbers.dedup();
    let values = vec![
        (Kind::Process, name.as_slice()),
        (Kind::Process, base(&path)),
        (Kind::Path, path.as_slice()),
        (Kind::Command, line.as_slice()),
    ];
    to.row(&numbers, &Has { values, ..Has::default() }, How::Contact, spot);
}

fn command(to: &mut Collector<'_, '_>, process: &ProcessFacts<'_>, spot: &Spot) {
    let line = process.cmdline().to_vec();
    let mut numbers = keyed(to, &[Kind::Command], &line);
    numbers.extend(to.index.matching(Kind::Command, &line));
    let name = process.name().to_vec();
    let path = process.program.path.clone().unwrap_or_default();
    let values = vec![
        (Kind::Command, line.as_slice()),
        (Kind::Process, name.as_slice()),
        (Kind::Process, base(&path)),
        (Kind::Path, path.as_slice()),
    ];
    to.row(&numbers, &Has { values, ..Has::default() }, How::Contact, spot);
    to.text(&line, &Spot { place: "command line", in_use: false, context: Vec::new(), ..spot.clone() });
}

fn used_files(to: &mut Collector<'_, '_>, process: &ProcessFacts<'_>) {
    let pid = process.pid();
    let mut seen: HashSet<&BStr> = HashSet::new();
    if let Some(cwd) = process.row.cwd.as_ref().filter(|cwd| cwd.len() > 1) {
        used(to, cwd, "working directory", "processes", vec![("pid", pid.into())], process);
    }
    for file in process.files().iter().take(PATHS) {
        let path = file.path.as_ref().map_or(BStr::new(b""), |path| path.as_bstr());
        if path.starts_with(b"/") && seen.insert(path) {
            let key = vec![("pid", pid.into()), ("fd", Fact::from(file.fd.0))];
            used(to, path, "open file", "process_open_files", key, process);
        }
    }
    for mapping in process.mappings().iter().take(PATHS) {
        let path = mapping.path.as_bstr();
        if path.starts_with(b"/") && seen.insert(path) {
            let key = vec![("pid", pid.into()), ("start", Fact::Address(mapping.start.0))];
            used(to, path, "mapped file", "process_memory_map", key, process);
        }
    }
}

fn used(
    to: &mut Collector<'_, '_>,
    path: &[u8],
    place: &'static str,
    table: &'static str,
    key: Vec<(&'static str, Fact)>,
    process: &ProcessFacts<'_>,
) {
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    if process.program.path.as_ref().is_some_and(|program| program == path) {
        return;
    }
    to.look();
    let numbers = of_path(to, path);
    let spot =
        Spot { place, table, key, pid: Some(process.pid()), path: Some(path.into()), in_use: true, ..Spot::default() };
    to.row(
        &numbers,
        &Has { values: vec![(Kind::Path, path), (Kind::Name, base(path))], ..Has::default() },
        How::Contact,
        &spot,
    );
}

/// Changed, deleted and recovered files and those of volumes: paths, hashes, keys, contents.
pub(super) fn files(to: &mut Collector<'_, '_>) {
    let facts = to.facts;
    let (mut left, mut pairs) = (FILES, PAIRS);
    for file in facts.files().all() {
        if file.place == Place::Deleted {
            continue;
        }
        to.look();
        // Of a directory, only its path counts.
        let mut numbers = of_path(to, &file.path);
        let is_regular = file.file_type == "regular" && file.size > 0;
        let digests = if is_regular && to.index.has_hashes() { facts.files().digests(file) } else { None };
        if is_regular && to.index.has_hashes() && digests.is_none() {
            to.not_compared("files that are not wholly in the archive, or larger than 64 MiB: no hash");
        }
        let mut values = vec![(Kind::Path, file.path.as_slice()), (Kind::Name, base(&file.path))];
        if let Some(digests) = &digests {
            for (kind, digest) in
                [(Kind::Md5, &digests.md5), (Kind::Sha1, &digests.sha1), (Kind::Sha256, &digests.sha256)]
            {
                numbers.extend(keyed(to, &[kind], digest.as_bytes()));
                numbers.extend(to.index.matching(kind, digest.as_bytes()));
                values.push((kind, digest.as_bytes()));
            }
        }
        let spot = spot_of(to, file, digests.as_ref().map(|digests| digests.sha256.clone()));
        if is_regular && to.index.has(Kind::Tlsh) {
            similar(to, file, &values, &spot, &mut pairs);
        }
        to.row(&numbers, &Has { values, ..Has::default() }, How::Contact, &spot);
        if is_regular {
            contents(to, file, &spot, &mut left);
        }
    }
}

/// Compares a file with the hashes of similar files.
fn similar(to: &mut Collector<'_, '_>, file: &ChangedFile, values: &[(Kind, &[u8])], spot: &Spot, pairs: &mut u64) {
    let Some(hash) = to.facts.files().tlsh(file) else {
        to.not_compared(
            "files that are not wholly in the archive, are larger than 64 MiB, or too short or too uniform: no TLSH",
        );
        return;
    };
    let Some(near) = to.index.similar().near(&hash, pairs) else {
        to.not_compared("files that were not compared with all hashes of TLSH: there are too many of both");
        return;
    };
    for (number, distance) in near {
        let values = values.iter().copied().chain([(Kind::Tlsh, hash.as_bytes())]).collect();
        let context = format!("TLSH {hash}, distance {distance}").into_bytes();
        let spot = Spot { distance: Some(distance), context, ..spot.clone() };
        to.row(&[number], &Has { values, ..Has::default() }, How::Contact, &spot);
    }
}

fn spot_of(to: &Collector<'_, '_>, file: &ChangedFile, sha256: Option<String>) -> Spot {
    let facts = to.facts;
    let users = [facts.uses().running(&file.path), facts.uses().mapping(&file.path)].concat();
    let path = ("path", Fact::Text(file.path.clone()));
    let (table, key) = match file.place {
        Place::Rootfs | Place::Deleted => ("rootfs_changes", vec![path, ("change", "added_or_changed".into())]),
        Place::Volume => ("volume_files", vec![("volume", file.volume.clone().unwrap_or_default().into()), path]),
        Place::Tmpfs | Place::Ghost | Place::Memfd | Place::Sysv => {
            let member = file.member.as_ref().map(|member| ("member", Fact::from(member)));
            ("recovered_files", member.into_iter().chain([path]).collect())
        }
    };
    Spot {
        place: "file",
        table,
        key,
        pid: users.first().copied(),
        path: Some(file.path.clone()),
        member: file.member.clone(),
        sha256,
        in_use: !users.is_empty(),
        ..Spot::default()
    }
}

fn contents(to: &mut Collector<'_, '_>, file: &ChangedFile, spot: &Spot, left: &mut u64) {
    let most = FILE.min(*left);
    if most == 0 {
        to.not_compared("contents of files beyond 512 MiB");
        return;
    }
    let bytes = to.facts.files().head(file, most).into_owned();
    *left = left.saturating_sub(u64_of(bytes.len()));
    if file.size > u64_of(bytes.len()) {
        to.not_compared("contents of files beyond 8 MiB, or not in the archive");
    }
    let spot = Spot { offset: file.offset, pid: None, in_use: false, sha256: None, ..spot.clone() };
    if to.index.has(Kind::SshKey) && file.path.contains_str("authorized_keys") {
        for (print, line, at) in fingerprints(&bytes) {
            let mut numbers = keyed(to, &[Kind::SshKey], print.as_bytes());
            numbers.extend(to.index.matching(Kind::SshKey, print.as_bytes()));
            let spot = Spot {
                offset: file.offset.map(|start| start.saturating_add(u64_of(at))),
                context: format!("line {line}").into_bytes(),
                ..spot.clone()
            };
            to.row(
                &numbers,
                &Has { values: vec![(Kind::SshKey, print.as_bytes())], ..Has::default() },
                How::Contact,
                &spot,
            );
        }
    }
    to.text(&bytes, &spot);
}

/// Images in memory without a file.
pub(super) fn images(to: &mut Collector<'_, '_>) {
    if !to.index.has(Kind::Sha256) {
        return;
    }
    for one in carved(to.facts) {
        to.look();
        let mut numbers = keyed(to, &[Kind::Sha256], one.sha256.as_bytes());
        numbers.extend(to.index.matching(Kind::Sha256, one.sha256.as_bytes()));
        let spot = Spot {
            place: "image in memory",
            table: "process_memory_map",
            pid: Some(one.pid),
            address: Some(one.address),
            length: Some(one.len),
            sha256: Some(one.sha256.clone()),
            in_use: true,
            ..Spot::default()
        };
        to.row(
            &numbers,
            &Has { values: vec![(Kind::Sha256, one.sha256.as_bytes())], ..Has::default() },
            How::Contact,
            &spot,
        );
    }
}

/// Logs, lines typed in shells, bytes that wait in queues.
pub(super) fn texts(to: &mut Collector<'_, '_>) {
    let checkpoint = to.facts.checkpoint();
    for line in checkpoint.rows().log_lines() {
        to.look();
        let spot = Spot {
            place: "log",
            table: "log_lines",
            key: vec![("member", Fact::from(&line.member)), ("line", line.line.into())],
            path: None,
            member: Some(line.member.clone()),
            ..Spot::default()
        };
        to.text(&line.text, &spot);
    }
    for line in checkpoint.rows().shell_history() {
        to.look();
        let spot = Spot {
            place: "shell history",
            table: "shell_history",
            key: vec![("pid", line.pid.into()), ("position", line.position.into())],
            pid: Some(line.pid),
            address: Some(line.address.0),
            ..Spot::default()
        };
        to.text(&line.command, &spot);
    }
    for queue in checkpoint.rows().tcp_queues() {
        let key = vec![("socket", Fact::from(queue.socket)), ("queue", queue.queue.into())];
        waiting(to, "tcp_queues", key, queue.text.as_ref());
    }
    for packet in checkpoint.rows().unix_queues() {
        let key = vec![("file_id", Fact::from(packet.file_id.0)), ("position", packet.position.into())];
        waiting(to, "unix_queues", key, packet.text.as_ref());
    }
    for pipe in checkpoint.rows().pipes() {
        let key = vec![("kind", Fact::from(pipe.kind)), ("inode", pipe.inode.into())];
        waiting(to, "pipes", key, pipe.text.as_ref());
    }
}

fn waiting(to: &mut Collector<'_, '_>, table: &'static str, key: Vec<(&'static str, Fact)>, text: Option<&BString>) {
    let Some(text) = text else { return };
    to.look();
    to.text(text, &Spot { place: "queue", table, key, ..Spot::default() });
}

/// Text in memory.
pub(super) fn memory(to: &mut Collector<'_, '_>) {
    let facts = to.facts;
    let hits = facts.hits();
    if hits.unread > 0 {
        to.not_compared("memory that could not be read");
    }
    if hits.more {
        to.not_compared("memory: there are more words of the lists in it than the limit of a search");
    }
    let words = std::sync::Arc::clone(&to.indicators.in_memory);
    for found in hits.of_kind(Sought::Words, 0) {
        to.look();
        let Some(space) = facts.space_of_hits(found.pid) else { continue };
        let Ok(bytes) = space.read(found.address, found.len) else { continue };
        let (numbers, form) = words.resolve(&bytes);
        let before = AROUND.min(found.address);
        let around = |from: u64, len: u64| space.read(from, len).map(std::borrow::Cow::into_owned).unwrap_or_default();
        let mut text = around(found.address.saturating_sub(before), before);
        let start = text.len();
        text.extend_from_slice(&bytes);
        let end = text.len();
        text.extend(around(found.address.saturating_add(found.len), AROUND));
        let spot = Spot {
            place: "memory",
            table: "process_memory_map",
            pid: Some(found.pid),
            // `in_text` adds the place in the text.
            address: Some(found.address.saturating_sub(u64_of(start))),
            ..Spot::default()
        };
        for number in numbers {
            to.in_text(number, &text, (start, end), form, &spot);
        }
    }
}
