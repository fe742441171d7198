//! Which processes run and map files.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use super::super::vocabulary::has_name;
use super::{FileFacts, ProcessFacts, without_deleted};
use crate::model::ids::Pid;

/// Which processes run and map a file, by its path.
#[derive(Debug, Default)]
pub struct Uses {
    running: HashMap<BString, Vec<Pid>>,
    mapping: HashMap<BString, Vec<Pid>>,
    from_image: HashMap<BString, Pid>,
}

impl Uses {
    pub(super) fn read(processes: &[ProcessFacts<'_>], files: &FileFacts<'_>) -> Self {
        let mut uses = Uses::default();
        for process in processes.iter().filter(|process| !process.is_zombie()) {
            if let Some(path) = &process.program.path {
                if !process.program.deleted && !uses.running.contains_key(path) && files.is_in_image(path) {
                    uses.from_image.entry(process.program.base().into()).or_insert(process.pid());
                }
                uses.running.entry(path.clone()).or_default().push(process.pid());
            }
            let mut last: &[u8] = b"";
            for mapping in process.mappings().iter().filter(|mapping| mapping.path.starts_with(b"/")) {
                let (path, _) = without_deleted(&mapping.path);
                if path == last {
                    continue;
                }
                last = path;
                let pids = uses.mapping.entry(path.into()).or_default();
                if pids.last() != Some(&process.pid()) {
                    pids.push(process.pid());
                }
            }
        }
        uses
    }

    /// The processes whose program is a file.
    pub fn running(&self, path: &[u8]) -> &[Pid] {
        self.running.get(path.as_bstr()).map_or(&[], Vec::as_slice)
    }

    /// The processes that map a file, those that run it included.
    pub fn mapping(&self, path: &[u8]) -> &[Pid] {
        self.mapping.get(path.as_bstr()).map_or(&[], Vec::as_slice)
    }

    /// The process with the lowest number that runs a program of this name, maybe with a version, from the image.
    pub fn from_image(&self, name: &str) -> Option<Pid> {
        self.from_image.iter().filter(|(program, _)| has_name(program, name)).map(|(_, pid)| *pid).min()
    }
}
