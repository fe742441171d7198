//! Processes in ECS documents: the process of the row, its parent, and the leaders of its group, its session and its
//! container, with the fields that rules use.

use serde_json::Value as Json;

use super::Filling;
use crate::formats::document::{PathText, text_of};
use crate::formats::known::Known;
use crate::tables::Value;

/// How much is written about a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Its ids, name and executable.
    Names,
    /// Also its users and its terminal.
    Users,
    /// Also its arguments, which may be long.
    All,
}

/// The leaders of a process in ECS.
const LEADERS: [&str; 3] = ["process.group_leader", "process.session_leader", "process.entry_leader"];

impl Filling<'_> {
    /// A process named by another column. ECS has fields for the pid on the host and in the namespace. Only the latter
    /// is known. It is written to both, because searches use the first, and a tag says so.
    pub(super) fn related_process(&mut self, field: &str, value: &Value<'_>) -> bool {
        let Value::Integer(pid) = value else { return false };
        let Ok(pid) = u32::try_from(*pid) else { return false };
        if field != "process" && self.origin.process(pid).is_none() {
            return false;
        }
        let detail = match field {
            "process" => Detail::Names,
            "process.parent" => Detail::All,
            _ => Detail::Users,
        };
        self.process(field, pid, detail);
        true
    }

    /// The process of the row. Rows about processes also name its leaders; other rows name its parent.
    pub(super) fn own_process(&mut self, pid: u32, is_subject: bool) {
        self.process("process", pid, if is_subject { Detail::All } else { Detail::Names });
        let Some(known) = self.origin.process(pid) else { return };
        let users = [("user.id", known.user), ("user.effective.id", known.user), ("group.id", known.group)];
        let (parent, real_user, user) = (known.parent, known.real_user, known.user);
        for (field, id) in users {
            self.document.set_some(field, id.map(|id| id.to_string()));
        }
        if !is_subject {
            self.set_new("process.user.id", user.map(|id| id.to_string().into()));
            self.set_new("process.real_user.id", real_user.map(|id| id.to_string().into()));
            if let Some(parent) = parent.filter(|&parent| self.origin.process(parent).is_some()) {
                self.process("process.parent", parent, Detail::Names);
            }
            return;
        }
        if let Some(entry) = self.origin.processes.entry(pid) {
            self.process("process.entry_leader", entry, Detail::Users);
            self.document.set("process.entry_leader.entry_meta.type", "container");
        }
        for leader in LEADERS {
            if let Some(leading) = self.document.get(&format!("{leader}.vpid")).and_then(Json::as_u64) {
                self.document.set(&format!("{leader}.same_as_process"), leading == u64::from(pid));
            }
        }
    }

    /// The process of an alert, with its command line: whoever reads it should not have to look that up.
    pub(super) fn whole_process(&mut self, pid: u32) {
        self.process("process", pid, Detail::All);
    }

    fn process(&mut self, field: &str, pid: u32, detail: Detail) {
        let document = &mut self.document;
        document.set(&format!("{field}.vpid"), pid);
        document.set(&format!("{field}.entity_id"), self.origin.entity(pid));
        if !self.origin.strict {
            document.set(&format!("{field}.pid"), pid);
            document.add("tags", "pid_in_namespace");
        }
        let args = document.get("process.args").and_then(Json::as_array).map(Vec::len);
        document.set_some("process.args_count", args);
        let origin = self.origin;
        let Some(known) = origin.process(pid) else { return };
        let path = known.path.as_ref().and_then(|path| PathText::of(&Value::Bytes((&***path).into())));
        self.set_new(&format!("{field}.name"), known.name.as_ref().map(|name| text_of(name).into()));
        self.set_new(&format!("{field}.executable"), path.map(|path| path.path.into()));
        if detail != Detail::Names {
            self.ids(field, known);
            self.terminal(field, pid);
        }
        if detail == Detail::All {
            self.arguments(field, known);
        }
    }

    /// The command line and working directory of a process.
    fn arguments(&mut self, field: &str, known: &Known) {
        let (pieces, line) = known.command(self.origin.secrets);
        let pieces = Some(pieces).filter(|pieces| !pieces.is_empty());
        let args: Option<Vec<Json>> = pieces.map(|pieces| pieces.iter().map(|one| text_of(one).into()).collect());
        let line = line.map(|line| text_of(&line).into());
        let folder = known.cwd.as_ref().filter(|path| path.starts_with(b"/")).map(|path| text_of(path).into());
        self.set_new(&format!("{field}.args_count"), args.as_ref().map(|args| args.len().into()));
        self.set_new(&format!("{field}.args"), args.map(Json::from));
        self.set_new(&format!("{field}.command_line"), line);
        self.set_new(&format!("{field}.working_directory"), folder);
    }

    fn ids(&mut self, field: &str, known: &Known) {
        let ids = [
            ("user", known.user),
            ("real_user", known.real_user),
            ("group", known.group),
            ("real_group", known.real_group),
        ];
        for (name, id) in ids {
            self.set_new(&format!("{field}.{name}.id"), id.map(|id| id.to_string().into()));
        }
    }

    /// The terminal of a process, if any, and whether it is interactive.
    fn terminal(&mut self, field: &str, pid: u32) {
        let origin = self.origin;
        self.set_new(&format!("{field}.interactive"), origin.processes.is_interactive(pid).map(Json::from));
        let Some(terminal) = origin.processes.terminal(pid) else { return };
        if let Some((major, minor)) = terminal.device {
            self.document.set(&format!("{field}.tty.char_device.major"), major);
            self.document.set(&format!("{field}.tty.char_device.minor"), minor);
        }
        if field == "process" {
            self.document.set_some("process.tty.rows", terminal.rows);
            self.document.set_some("process.tty.columns", terminal.columns);
        }
    }

    /// Sets a value unless there already is one: the row itself has precedence.
    fn set_new(&mut self, field: &str, value: Option<Json>) {
        if let Some(value) = value.filter(|_| self.document.get(field).is_none()) {
            self.document.set(field, value);
        }
    }
}
