//! Section: sockets of each process.

use std::collections::HashMap;

use bstr::BString;

use super::processes::endpoint;
use super::{Overview, Page, heading, number};
use crate::formats::{Grid, GridColumn, escape};
use crate::model::ids::Pid;
use crate::tables::OpenSocket;

pub(super) fn write(overview: &Overview, page: &mut Page) {
    page.section("Sockets");
    let groups = overview.by_process(&overview.sockets, |socket| socket.pid);
    if groups.iter().all(|(_, rows)| rows.is_empty()) {
        page.text.push_str("  none\n");
    }
    let ends = Ends::of(overview);
    for (process, rows) in groups {
        if rows.is_empty() {
            continue;
        }
        page.line(&heading(process));
        let mut grid = Grid::new([
            GridColumn::number("FD"),
            GridColumn::fixed("PROTOCOL"),
            GridColumn::fixed("STATE"),
            GridColumn::path("LOCAL"),
            GridColumn::fixed("REMOTE"),
            GridColumn::number("UNREAD").if_any(),
            GridColumn::number("UNSENT").if_any(),
        ]);
        for row in rows {
            grid.push(vec![
                row.fd.to_string(),
                protocol(row),
                state(row).unwrap_or("-").to_owned(),
                local(row),
                remote(row, &ends),
                number(row.receive_queue.filter(|&bytes| bytes != 0)),
                number(row.send_queue.filter(|&bytes| bytes != 0)),
            ]);
        }
        page.grid(&grid, 2);
    }
}

/// The ends of unix sockets, by inode, with the processes that hold them.
pub(super) struct Ends<'o> {
    by_inode: HashMap<u64, Vec<&'o OpenSocket>>,
    names: &'o HashMap<Pid, BString>,
}

impl<'o> Ends<'o> {
    pub(super) fn of(overview: &'o Overview) -> Self {
        let mut by_inode: HashMap<u64, Vec<&OpenSocket>> = HashMap::new();
        for row in overview.sockets.iter().filter(|row| row.family == "unix") {
            if let Some(inode) = row.socket {
                by_inode.entry(inode).or_default().push(row);
            }
        }
        Ends { by_inode, names: &overview.names }
    }

    /// The name of an end, if it has one.
    fn path(&self, row: &OpenSocket) -> Option<String> {
        let [first, ..] = self.by_inode.get(&row.peer?)?.as_slice() else { return None };
        Some(escape(first.path.as_ref()?).into_owned())
    }

    /// The holder of an end, `23:7 python3`, and the number of other holders; its inode if there are none.
    fn name(&self, inode: u64) -> String {
        let Some([first, others @ ..]) = self.by_inode.get(&inode).map(Vec::as_slice) else {
            return format!("[{inode}]");
        };
        let mut words = vec![format!("{}:{}", first.pid, first.fd)];
        words.extend(self.names.get(&first.pid).map(|name| escape(name).into_owned()));
        words.extend((!others.is_empty()).then(|| format!("+{}", others.len())));
        words.join(" ")
    }
}

/// A socket in a few words: protocol, state, addresses.
pub(super) fn brief(row: &OpenSocket, ends: &Ends<'_>) -> String {
    let state = state(row).unwrap_or_default();
    let peer = remote(row, ends);
    let peer = if peer == "-" { String::new() } else { format!("→ {peer}") };
    let own = local(row);
    // Its own inode is already its name.
    let own = if own.starts_with('[') && row.local_address.is_none() { String::new() } else { own };
    let words = [protocol(row), state.to_owned(), own, peer, ends.path(row).unwrap_or_default()];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The state. For UDP and similar protocols, in the words used for unix sockets.
fn state(row: &OpenSocket) -> Option<&str> {
    row.state.as_deref().or_else(|| match row.kernel_state.as_deref()? {
        "CLOSE" => Some("UNCONNECTED"),
        other => Some(other),
    })
}

fn protocol(row: &OpenSocket) -> String {
    let protocol = row.protocol.as_deref().unwrap_or_default();
    match (row.family, row.r#type) {
        ("inet6" | "inet", Some("raw")) => format!("raw {protocol}"),
        ("inet6", _) => format!("{protocol}6"),
        ("inet", _) => protocol.to_owned(),
        ("unix", kind) => format!("unix {}", kind.unwrap_or_default()),
        (family, _) => format!("{family} {protocol}"),
    }
}

fn local(row: &OpenSocket) -> String {
    if let Some(address) = &row.local_address {
        return endpoint_or_address(address, row.local_port);
    }
    match (&row.path, row.socket) {
        (Some(path), _) => escape(path).into_owned(),
        (None, Some(inode)) => format!("[{inode}]"),
        (None, None) => "-".to_owned(),
    }
}

fn remote(row: &OpenSocket, ends: &Ends<'_>) -> String {
    match (&row.remote_address, row.peer) {
        (Some(address), _) if row.remote_port.unwrap_or(0) != 0 => endpoint_or_address(address, row.remote_port),
        (_, Some(peer)) => ends.name(peer),
        _ => "-".to_owned(),
    }
}

fn endpoint_or_address(address: &str, port: Option<u32>) -> String {
    port.map_or_else(|| address.to_owned(), |port| endpoint(address, port))
}
