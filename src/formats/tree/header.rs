//! The first lines: the container, its origin, times and sizes.

use std::borrow::Cow;

use bstr::BString;
use unicode_width::UnicodeWidthStr;

use super::{Found, Overview, Page, isolation, some};
use crate::analysis::Severity;
use crate::formats::line::{Line, Role};
use crate::formats::text::broken;
use crate::formats::{escape, units};
use crate::tables::{Container, Statistics, Totals};

/// Width of the labels.
const NAMES: usize = 14;
/// Maximum number of addresses shown.
const ADDRESSES: usize = 4;
/// Minimum width of facts.
const ROOM: usize = 16;
/// Separator between facts.
const BETWEEN: &str = " · ";

pub(super) fn write(overview: &Overview, page: &mut Page) {
    let Some(container) = &overview.container else { return };
    let mut title = Line::of(Role::Title, name(container));
    let pod: Vec<String> = [("pod", &container.pod), ("namespace", &container.namespace)]
        .iter()
        .filter_map(|(what, name)| Some(format!("{what} {}", escape(name.as_ref()?.as_bytes()))))
        .collect();
    let pod = pod.join(", ");
    let fits = |width: usize| title.width().saturating_add(2).saturating_add(pod.width()) <= width;
    if pod.is_empty() {
        page.line(&title);
    } else if page.look.width.is_none_or(fits) {
        title.push(Role::Plain, format!("  {pod}"));
        page.line(&title);
    } else {
        page.line(&title);
        page.wrapped(&Line::of(Role::Plain, pod), 2);
    }
    let mut facts = facts(container, overview.statistics.as_ref(), &overview.totals);
    let behind_host = facts.iter().position(|(name, _)| *name == "host").map_or(facts.len(), |at| at.saturating_add(1));
    facts.insert(behind_host, ("networks", overview.networks.facts()));
    facts.push(("recovered", recovered(overview)));
    facts.push(("waiting", overview.waiting.facts()));
    let room = page.look.width.map(|width| width.saturating_sub(NAMES).saturating_sub(2));
    facts.push(("isolation", isolation::facts(&overview.isolation, container.engine, &overview.processes, room)));
    for (name, facts) in facts {
        let role = if name == "isolation" { Role::Notable } else { Role::Plain };
        for (number, text) in wrapped(&facts, room).into_iter().enumerate() {
            let mut line = Line::of(Role::Faint, format!("  {:<NAMES$}", if number == 0 { name } else { "" }));
            line.push(role, text);
            page.line(&line);
        }
    }
    if let Some(found) = overview.findings.as_ref().filter(|found| !found.counts.is_empty()) {
        findings(found, page);
    }
    if !overview.warnings.is_empty() {
        let missing = overview.warnings.iter().filter(|w| w.severity == "warning").count();
        if missing > 0 {
            let mut line = Line::of(Role::Faint, format!("  {:<NAMES$}", "incomplete"));
            line.push(Role::Alarm, units::count(missing, "warning"));
            line.push(Role::Plain, ": data is missing or contradictory");
            page.line(&line);
        }
    }
}

/// The number of findings, and the command that prints them: on the same line if there is room.
fn findings(found: &Found, page: &mut Page) {
    let counts: Vec<String> =
        found.counts.iter().map(|(severity, count)| format!("{count} {}", severity.as_str())).collect();
    let is_bad = found.counts.iter().any(|(severity, _)| *severity >= Severity::High);
    let mut line = Line::of(Role::Faint, format!("  {:<NAMES$}", "findings"));
    line.push(if is_bad { Role::Alarm } else { Role::Notable }, counts.join(", "));
    let command = Line::of(Role::Plain, escape(found.command.as_bytes()));
    let width = line.width().saturating_add(3).saturating_add(command.width());
    if page.look.width.is_none_or(|room| width <= room) {
        line.push(Role::Plain, " — ");
        line.append(command);
        page.line(&line);
    } else {
        page.line(&line);
        page.wrapped(&command, NAMES + 2);
    }
}

/// The number of rows of `recovered_files` of each source, or a remark if file systems in memory are too large to
/// count.
fn recovered(overview: &Overview) -> Vec<String> {
    let mut facts = Vec::new();
    let mut add = |number: u64, one: &str, many: &str| {
        if number > 0 {
            facts.push(format!("{number} {}", if number == 1 { one } else { many }));
        }
    };
    match (&overview.totals.recovered, &overview.statistics) {
        (Some(counts), _) => {
            for &(source, number) in counts {
                match source {
                    "ghost" => add(number, "deleted file", "deleted files"),
                    "link_remap" => add(number, "deleted name", "deleted names"),
                    "memfd" => add(number, "memfd", "memfds"),
                    "sysv" => add(number, "segment", "segments"),
                    "devshm" => add(number, "in /dev/shm", "in /dev/shm"),
                    other => add(number, &format!("in {other}"), &format!("in {other}")),
                }
            }
        }
        (None, Some(statistics)) => {
            add(statistics.ghost_files, "deleted file", "deleted files");
            add(statistics.memfds, "memfd", "memfds");
            add(statistics.sysv_segments, "segment", "segments");
            facts.push("file systems in memory not counted".to_owned());
        }
        (None, None) => {}
    }
    facts
}

/// Arranges facts in as many lines as they need. A fact that is too wide takes several lines.
fn wrapped(facts: &[String], room: Option<usize>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if room.is_none_or(|room| line.width() + BETWEEN.width() + fact.width() <= room) => {
                line.push_str(BETWEEN);
                line.push_str(fact);
            }
            _ => lines.push(fact.clone()),
        }
    }
    let Some(room) = room else { return lines };
    lines.iter().flat_map(|line| broken(line, room.max(ROOM), usize::MAX)).map(Cow::into_owned).collect()
}

fn name(container: &Container) -> String {
    let id = container.id.as_deref().map(|id| escape(id.as_bytes()).chars().take(12).collect());
    let name = container.name.as_deref().map(|name| escape(name.as_bytes()).into_owned());
    name.or(id).unwrap_or_else(|| "a container without a name".to_owned())
}

/// CRIU plugins. If one of the GPU plugins took part, GPU state is in the archive.
fn plugins(container: &Container) -> Vec<String> {
    const GPUS: [&str; 2] = ["cuda_plugin", "amdgpu_plugin"];
    let all = container.criu_plugins.as_deref().unwrap_or_default();
    let (of_gpus, others): (Vec<_>, Vec<_>) = all.iter().partition(|name| GPUS.iter().any(|gpu| *name == gpu));
    let names = |list: Vec<&BString>| list.iter().map(|name| escape(name).into_owned()).collect::<Vec<_>>();
    let of_gpus = names(of_gpus);
    let gpus = (!of_gpus.is_empty()).then(|| format!("with GPU state: {}", of_gpus.join(" ")));
    gpus.into_iter().chain(names(others)).collect()
}

fn facts(container: &Container, statistics: Option<&Statistics>, totals: &Totals) -> Vec<(&'static str, Vec<String>)> {
    let shown = |text: &Option<String>| text.as_deref().map(|text| escape(text.as_bytes()).into_owned());
    let with = |what: &str, text: &Option<String>| shown(text).map(|text| format!("{what} {text}"));
    let engine = container.engine.map(|engine| match shown(&container.engine_version) {
        Some(version) => format!("{engine} {version}"),
        None => engine.to_owned(),
    });
    let frozen = statistics.and_then(|s| s.frozen_us).map(|us| format!("frozen for {}", units::duration(us)));
    let checkpointed = match (container.checkpointed, container.checkpointed_from) {
        (Some(time), from) => Some(format!("{} (from {})", units::moment(time), from.unwrap_or("an unknown source"))),
        (None, Some("copied")) => Some("unknown (the times of files in a directory may be those of a copy)".to_owned()),
        (None, _) => Some("unknown (no time was recorded)".to_owned()),
    };
    let restored = match (container.restored, container.restored_at) {
        (Some(false), _) => None,
        (_, Some(time)) => Some(format!("{}, from another checkpoint", units::moment(time))),
        (Some(true), None) => Some("from another checkpoint".to_owned()),
        _ => None,
    };
    let sizes = |s: &Statistics| {
        let archive = s.archive_size.map(|bytes| format!("archive {}", units::size(bytes)));
        let inflated = s.unpacked_size.filter(|_| s.unpacked_size != s.archive_size);
        let changes = match totals.changed {
            Some((0, _)) => None,
            Some((_, bytes)) => Some(format!("changed files {}", units::size(bytes))),
            // Only the size of the tar is known.
            None => s.rootfs_diff_size.map(|bytes| format!("rootfs-diff.tar {}", units::size(bytes))),
        };
        [
            archive,
            inflated.map(|bytes| format!("inflated {}", units::size(bytes))),
            Some(format!("memory {}", units::size(s.pages_size))),
            changes,
        ]
    };
    let addresses = container.ip_addresses.as_ref().filter(|list| !list.is_empty()).map(|list| some(list, ADDRESSES));
    let list = |facts: Vec<Option<String>>| facts.into_iter().flatten().collect();
    vec![
        ("image", list(vec![shown(&container.image)])),
        (
            "engine",
            list(vec![
                engine.or_else(|| Some("unknown (nothing in the archive names it)".to_owned())),
                shown(&container.runtime),
                with("CRIU", &container.criu_version),
                container.architecture.map(str::to_owned),
            ]),
        ),
        ("plugins", plugins(container)),
        ("host", list(vec![container.hostname.as_ref().map(|name| escape(name).into_owned()), addresses])),
        ("created", list(vec![container.created.map(units::moment)])),
        ("restored", list(vec![restored])),
        ("checkpointed", list(vec![checkpointed, frozen])),
        ("size", statistics.map_or_else(Vec::new, |s| sizes(s).into_iter().flatten().collect())),
    ]
}
