//! MEM-035: a program of the image has loaded a library that came into the container later.

use super::super::card::rule;
use super::super::facts::{ChangedFile, Place, ProcessFacts};
use super::super::hits::Region;
use super::super::modules::{Module, Modules, is_loader};
use super::super::script_libraries;
use super::super::traffic::{endpoint, outbound, row as socket_row};
use super::super::vocabulary::{is_public, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Fact, Facts, Finding, Link, Report, Severity};
use super::code::{about, file_of, is_executable, is_program};
use super::runtime::is_packaged;
use crate::tables::{Mapping, OpenSocket};

rule! {
    /// A library that is among the changes to the root file system and belongs to no package is loaded by a program of the image.
    /// What a program needs is loaded before it starts; in the list of the dynamic loader, what comes behind the loader
    /// itself was loaded while the program ran: by the program, or by somebody who made it do so (`dlopen` through
    /// `ptrace`). High if the process is also connected to a public address, and medium if it only serves others, or if the
    /// library was there from the start. Modules of interpreters, and libraries outside of the directories of
    /// the system, are the matter of MEM-007.
    "MEM-035", late_library, version 1, Memory, Incubating, High,
    title: "A running program was made to load a library that was added",
    why: "A library in the process of an honest service has its rights, its connections and its name.",
    benign: ["A plug-in that was copied into the container and is named in the configuration of the service."],
    attack: ["T1055", "T1574.006"],
    cost: Memory,
    regions: [Region::Loader, Region::FileData, Region::Protected],
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let added: Vec<(&Mapping, &ChangedFile)> = added(facts, process);
        if added.is_empty() {
            continue;
        }
        if !report.look() {
            return;
        }
        let contact = contact(facts, process);
        if contact.is_none() && !facts.is_service(process) {
            report.skip();
            continue;
        }
        let Some(space) = facts.space(process.pid()) else {
            report.not_checked("processes without a layout of memory");
            continue;
        };
        let modules = Modules::of(process.task, &space, process.mappings());
        if let Some(reason) = modules.reason {
            report.not_checked(reason);
        }
        for (mapping, file) in added {
            let module = modules.all.iter().find(|module| module.path.as_ref() == Some(&mapping.path));
            let is_late = module.is_some_and(|module| is_late(&modules, module));
            let severity = match (&contact, is_late) {
                (Some(_), true) => Severity::High,
                (Some(_), false) | (None, true) => Severity::Medium,
                (None, false) => continue,
            };
            report.add(found(facts, process, mapping, file, module.filter(|_| is_late), contact.as_ref(), severity));
        }
    }
}

/// The added libraries that a process maps as code, each once.
fn added<'f>(facts: &'f Facts<'_>, process: &'f ProcessFacts<'_>) -> Vec<(&'f Mapping, &'f ChangedFile)> {
    const MOST: usize = 16;
    let mut found: Vec<(&Mapping, &ChangedFile)> = Vec::new();
    for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "file" && is_executable(mapping)) {
        let (path, deleted) = file_of(mapping);
        let is_known = found.last().is_some_and(|(last, _)| last.path == mapping.path);
        // Services compile code of their own into directories for their data.
        let is_of_system =
            [b"/usr/".as_slice(), b"/lib", b"/etc/", b"/bin/", b"/sbin/"].iter().any(|top| path.starts_with(top));
        let is_others = !is_of_system
            || is_world_writable(path)
            || script_libraries::of(path).is_some()
            || is_program(process, mapping);
        if deleted || is_known || is_others || found.len() >= MOST {
            continue;
        }
        let is_added = |file: &&ChangedFile| {
            file.place == Place::Rootfs
                && !file.engine_noise
                && facts.packages().manager_of(facts.files(), file).is_none()
        };
        let file = facts.files().at(path).find(is_added);
        if let Some(file) = file.filter(|_| !is_packaged(facts, path) && !facts.is_declared(path)) {
            found.push((mapping, file));
        }
    }
    found
}

/// A connection of a process to a public address that it made, in words.
fn contact<'f>(facts: &'f Facts<'_>, process: &ProcessFacts<'_>) -> Option<(&'f OpenSocket, String)> {
    facts.sockets().of(process.pid()).find_map(|socket| {
        let (address, port) = outbound(facts, socket).filter(|(address, _)| is_public(*address))?;
        Some((socket, endpoint(address, port)))
    })
}

/// Whether a module comes behind the dynamic loader in the loader's list: what was there from the start is before it.
fn is_late(modules: &Modules, module: &Module) -> bool {
    let place = |module: &Module| module.linked.as_ref().map(|linked| (linked.namespace, linked.position));
    let loader = modules.all.iter().find(|one| one.path.as_ref().is_some_and(|path| is_loader(path)));
    // musl is its own loader, and comes first.
    let is_first = |position: u64| position <= 1;
    match (place(module), loader.and_then(place)) {
        (Some((0, position)), Some((0, loader))) => !is_first(loader) && position > loader,
        (Some((namespace, _)), _) => namespace > 0,
        (None, _) => false,
    }
}

fn found(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    file: &ChangedFile,
    late: Option<&Module>,
    contact: Option<&(&OpenSocket, String)>,
    severity: Severity,
) -> Finding {
    let (path, _) = file_of(mapping);
    let how = if late.is_some() { "was made to load" } else { "has loaded" };
    let end = contact.map_or_else(String::new, |(_, end)| format!(", and is connected to {end}"));
    let name = late.and_then(|module| module.linked.as_ref()?.name.as_ref());
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if late.is_some() { Confidence::High } else { Confidence::Medium })
        .identity([process.program.path.clone().unwrap_or_default(), path.into()])
        .sentence(format!(
            "{} {how} {} {}, which is among the changes and belongs to no package{end}.",
            process.title(),
            shown(path),
            if late.is_some() { "while it ran" } else { "at its start" },
        ))
        .path(path)
        .link(Link::Path(path.into()))
        .evidence(Evidence::changed_file(facts, file));
    if let Some(linked) = late.and_then(|module| module.linked.as_ref()) {
        let evidence = Evidence::memory(facts, process.pid(), linked.dynamic, 64)
            .with("name", name)
            .with("base", Some(Fact::Address(linked.base)));
        finding =
            finding.evidence(evidence.with_note(format!("entry {} of the dynamic loader's list", linked.position)));
    }
    if let Some((socket, _)) = contact {
        finding = finding.evidence(socket_row(socket));
        if let Some(number) = socket.socket {
            finding = finding.link(Link::Socket(number));
        }
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::super::super::modules::Linked;
    use super::*;

    fn module(path: &str, position: u64) -> Module {
        let linked = Linked { namespace: 0, position, base: 0, name: Some(path.into()), dynamic: 0 };
        Module { linked: Some(linked), path: Some(path.into()), start: None, state: None }
    }

    #[test]
    fn what_comes_behind_the_loader_was_loaded_later() {
        let all = vec![
            module("/usr/bin/redis-server", 0),
            module("/lib/libc.so.6", 2),
            module("/lib64/ld-linux-x86-64.so.2", 3),
            module("/usr/lib/libx.so", 4),
        ];
        let modules = Modules { all, reason: None };
        assert_eq!(
            modules.all.iter().map(|one| is_late(&modules, one)).collect::<Vec<_>>(),
            [false, false, false, true]
        );
        let musl =
            Modules { all: vec![module("/lib/ld-musl-x86_64.so.1", 1), module("/lib/libz.so", 2)], reason: None };
        assert!(musl.all.iter().all(|one| !is_late(&musl, one)));
    }
}
