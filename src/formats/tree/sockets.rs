//! Section: sockets of each process.

use super::processes::endpoint;
use super::{Overview, Page, heading, number};
use crate::formats::{Grid, GridColumn, escape};
use crate::tables::OpenSocket;

pub(super) fn write(overview: &Overview, page: &mut Page) {
    page.section("Sockets");
    if overview.sockets.is_empty() {
        page.text.push_str("  none\n");
    }
    let groups = overview.by_process(&overview.sockets, |socket| socket.pid);
    for (process, rows) in groups {
        if rows.is_empty() {
            continue;
        }
        page.line(&heading(process));
        let mut grid = Grid::new([
            GridColumn::number("FD"),
            GridColumn::text("PROTOCOL"),
            GridColumn::text("STATE"),
            GridColumn::text("LOCAL"),
            GridColumn::text("REMOTE"),
            GridColumn::number("UNREAD"),
            GridColumn::number("UNSENT"),
        ]);
        for row in rows {
            grid.push(vec![
                row.fd.to_string(),
                protocol(row),
                state(row).unwrap_or("-").to_owned(),
                local(row),
                remote(row),
                number(row.receive_queue.filter(|&bytes| bytes != 0)),
                number(row.send_queue.filter(|&bytes| bytes != 0)),
            ]);
        }
        page.grid(&grid, 2);
    }
}

/// A socket in a few words: protocol, state, addresses.
pub(super) fn brief(row: &OpenSocket) -> String {
    let state = state(row).unwrap_or_default();
    let peer = remote(row);
    let peer = if peer == "-" { String::new() } else { format!("→ {peer}") };
    let own = local(row);
    // Its own inode is the name already.
    let own = if own.starts_with('[') && row.local_address.is_none() { String::new() } else { own };
    let words = [protocol(row), state.to_owned(), own, peer];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The state, of UDP and the like in the words that unix sockets have.
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

fn remote(row: &OpenSocket) -> String {
    match (&row.remote_address, row.peer) {
        (Some(address), _) if row.remote_port.unwrap_or(0) != 0 => endpoint_or_address(address, row.remote_port),
        (_, Some(peer)) => format!("[{peer}]"),
        _ => "-".to_owned(),
    }
}

fn endpoint_or_address(address: &str, port: Option<u32>) -> String {
    port.map_or_else(|| address.to_owned(), |port| endpoint(address, port))
}
