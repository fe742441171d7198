//! Section: privileges and restrictions of the container.

use unicode_width::UnicodeWidthStr as _;

use super::{Page, some};
use crate::abi::capability;
use crate::formats::{Grid, GridColumn, escape};
use crate::tables::{Isolation, Process, has_all_capabilities};

/// Privileges that weaken the isolation of the container, in a few words each, the most serious first. None is wider
/// than the screen.
pub(super) fn facts(
    rows: &[Isolation],
    engine: Option<&str>,
    processes: &[Process],
    room: Option<usize>,
) -> Vec<String> {
    let unusual: Vec<&Isolation> = rows.iter().filter(|row| row.unusual == Some(true)).collect();
    let items = |fact: &str| -> Vec<String> {
        let of_fact = unusual.iter().filter(|row| row.fact == fact);
        of_fact.filter_map(|row| Some(escape(row.item.as_ref()?.as_bytes()).into_owned())).collect()
    };
    let has = |fact: &str| unusual.iter().any(|row| row.fact == fact);
    let list = |before: &str, items: Vec<String>, after: &str| {
        let with = |named: usize| format!("{before}{}{after}", some(&items, named));
        let fits = |text: &String| room.is_none_or(|room| text.width() <= room);
        // Each gets at least one column.
        let most = items.len().min(room.unwrap_or(usize::MAX)).max(1);
        (!items.is_empty()).then(|| (1..=most).rev().map(with).find(fits).unwrap_or_else(|| with(1)))
    };
    let told = ["privileged", "namespace", "capability_added", "seccomp", "apparmor", "selinux", "host_mount"];
    let others: Vec<String> = unusual
        .iter()
        .filter(|row| !told.contains(&row.fact))
        .map(|row| match &row.item {
            Some(item) => format!("{} {}", row.fact.replace('_', " "), escape(item.as_bytes())),
            None => row.fact.replace('_', " "),
        })
        .collect();
    let mut facts: Vec<String> = [
        has("privileged").then(|| "privileged".to_owned()),
        list("of the host: ", items("namespace"), ""),
        if has_all_capabilities(rows, engine) {
            Some(format!("all {} capabilities", capability::count()))
        } else {
            list("", by_danger(items("capability_added")), " added")
        },
        has("seccomp").then(|| "no seccomp profile".to_owned()),
        has("apparmor").then(|| "no AppArmor profile".to_owned()),
        has("selinux").then(|| "no SELinux label".to_owned()),
        list("host paths at ", items("host_mount"), ""),
    ]
    .into_iter()
    .flatten()
    .collect();
    facts.extend(others);
    // Seen in the images, whatever the specification says.
    let free = processes.iter().filter(|process| process.seccomp == Some("disabled")).count();
    if free > 0 && free < processes.len() && processes.iter().any(|process| process.seccomp == Some("filter")) {
        facts.push(format!("{free} of {} processes without a seccomp filter", processes.len()));
    }
    facts
}

/// Capabilities that let a container take over its host, the most serious first.
const DANGEROUS: &[&str] = &[
    "CAP_SYS_ADMIN",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_PTRACE",
    "CAP_BPF",
    "CAP_DAC_READ_SEARCH",
    "CAP_SYS_BOOT",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_NET_ADMIN",
    "CAP_PERFMON",
    "CAP_CHECKPOINT_RESTORE",
    "CAP_NET_RAW",
];

/// Capabilities with the dangerous ones first, as there may not be room for all.
fn by_danger(mut names: Vec<String>) -> Vec<String> {
    names.sort_by_key(|name| DANGEROUS.iter().position(|dangerous| dangerous == name).unwrap_or(DANGEROUS.len()));
    names
}

pub(super) fn write(rows: &[Isolation], page: &mut Page) {
    page.section("Isolation");
    if rows.is_empty() {
        page.text.push_str("  unknown: the archive has no specification\n");
        return;
    }
    let mut grid = Grid::new([
        GridColumn::text(""),
        GridColumn::fixed("FACT"),
        GridColumn::path("ITEM"),
        GridColumn::path("VALUE"),
    ]);
    for row in rows {
        let escaped =
            |value: &Option<String>| value.as_ref().map_or("-".into(), |value| escape(value.as_bytes()).into_owned());
        let mark = if row.unusual == Some(true) { "!" } else { "" };
        grid.push(vec![mark.to_owned(), row.fact.replace('_', " "), escaped(&row.item), escaped(&row.value)]);
    }
    page.grid(&grid, 2);
    if rows.iter().any(|row| row.unusual == Some(true)) {
        page.text.push_str("  ! weaker than the engine's default\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(name: &str) -> Isolation {
        Isolation {
            fact: "capability_added",
            item: Some(name.to_owned()),
            unusual: Some(true),
            value: Some("yes".to_owned()),
        }
    }

    #[test]
    fn dangerous_capabilities_are_named_first() {
        let rows: Vec<Isolation> =
            ["CAP_LEASE", "CAP_NET_ADMIN", "CAP_SYS_NICE", "CAP_SYS_ADMIN", "CAP_WAKE_ALARM"].map(added).into();
        let line = |room| facts(&rows, Some("Podman"), &[], room);
        assert_eq!(line(Some(36)), ["CAP_SYS_ADMIN CAP_NET_ADMIN +3 added"]);
        assert_eq!(line(Some(5)), ["CAP_SYS_ADMIN +4 added"], "whatever the room");
    }

    #[test]
    fn all_capabilities_are_called_so() {
        let all = capability::names(u64::MAX >> (64 - capability::count()));
        let usual = crate::tables::usual_capabilities("Podman").unwrap();
        let is_usual = |name: &str| usual.iter().any(|usual| name.strip_prefix("CAP_") == Some(usual));
        let mut rows: Vec<Isolation> = all.iter().filter(|name| !is_usual(name)).map(|name| added(name)).collect();
        assert_eq!(facts(&rows, Some("Podman"), &[], None), ["all 41 capabilities"]);
        rows.pop();
        assert!(facts(&rows, Some("Podman"), &[], None)[0].starts_with("CAP_SYS_ADMIN CAP_SYS_MODULE "));
        let dropped = Isolation { fact: "capability_dropped", unusual: Some(false), ..added("CAP_KILL") };
        rows.extend([added("CAP_CHECKPOINT_RESTORE"), dropped]);
        assert!(facts(&rows, Some("Podman"), &[], None)[0].starts_with("CAP_SYS_ADMIN "), "one is not there");
    }
}
