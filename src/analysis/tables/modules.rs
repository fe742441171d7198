//! Table `modules`.

use std::ops::ControlFlow;

use bstr::BString;

use super::super::modules::{Modules, State};
use crate::Checkpoint;
use crate::model::ids::{Address, Pid};
use crate::model::process::Process;
use crate::tables::{Mappings, Sink, table};

table! {
    "modules", key(pid, namespace, position, start), brief(pid, state, name, start, path),
    event(Event::state(&["process", "library"], "module").about(Subject::Module).under("module"));
    /// What each process has loaded: the list that its dynamic loader keeps (`r_debug` and `link_map`, as debuggers
    /// read it) beside its mappings. A process without such a list has its mapped files of code here, with the reason. By
    /// process; what the loader knows comes first, in the loader's order.
    pub struct ModuleRow {
        /// Process id.
        pub pid: Pid,
        /// `both`: the dynamic loader and the mappings have it. `renamed`: under different names, which may be a link.
        /// `unlinked`: a file is mapped as code, and the dynamic loader does not know it. `hidden`: the same of an ELF
        /// image that no file backs. `unbacked`: the dynamic loader knows it, and it lies in memory that no file backs.
        /// `gone`: the dynamic loader knows it, and nothing is mapped there. Null if the list is not whole.
        pub state: Option<&'static str>,
        /// Name in the dynamic loader's list. Empty for the program.
        pub name: Option<BString>,
        /// Path of the mapping, as `maps` prints it.
        #[to(ecs("file.path").path(), ocsf("module.file.path").path())]
        pub path: Option<BString>,
        /// Address of its first mapping.
        #[to(ocsf("module.base_address"))]
        pub start: Option<Address>,
        /// Difference between addresses in memory and in the file, by the dynamic loader.
        pub base: Option<Address>,
        /// Where its dynamic section is, by the dynamic loader.
        pub dynamic: Option<Address>,
        /// Namespace of `dlmopen`, 0 for the usual one.
        pub namespace: Option<u64>,
        /// Place in the list of its namespace.
        pub position: Option<u64>,
        /// Why the dynamic loader's list is not there, or not whole. Null if it is whole.
        pub reason: Option<&'static str>,
    }
}

/// Passes the rows of a checkpoint to a sink.
pub(super) fn rows(checkpoint: &Checkpoint, sink: &mut Sink<'_>) {
    let mappings = Mappings::of(checkpoint);
    let mut processes: Vec<&Process> = checkpoint.model().processes().iter().collect();
    processes.sort_by_key(|process| process.pid());
    for process in processes.into_iter().filter(|process| !process.is_zombie()) {
        if of_process(checkpoint, process, &mappings, sink).is_break() {
            return;
        }
    }
}

fn of_process(checkpoint: &Checkpoint, process: &Process, mappings: &Mappings, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let pid = process.pid();
    let nothing = |reason| ModuleRow {
        pid,
        state: None,
        name: None,
        path: None,
        start: None,
        base: None,
        dynamic: None,
        namespace: None,
        position: None,
        reason,
    };
    let Some(space) = checkpoint.memory().space(process) else {
        return sink(&nothing(Some("the layout of its memory is not in the archive")));
    };
    let modules = Modules::of(process, &space, mappings.of_process(pid));
    for module in &modules.all {
        let linked = module.linked.as_ref();
        sink(&ModuleRow {
            state: module.state.map(State::as_str),
            name: linked.and_then(|linked| linked.name.clone()),
            path: module.path.clone(),
            start: module.start.map(Address),
            base: linked.map(|linked| Address(linked.base)),
            dynamic: linked.map(|linked| Address(linked.dynamic)),
            namespace: linked.map(|linked| linked.namespace),
            position: linked.map(|linked| linked.position),
            ..nothing(modules.reason)
        })?;
    }
    if modules.all.is_empty() { sink(&nothing(modules.reason)) } else { ControlFlow::Continue(()) }
}
