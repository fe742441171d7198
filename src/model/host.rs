//! Rare images about the host's kernel: processors (`cpuinfo.img`, only if CRIU was asked for it), automatic mounts
//! (`autofs-N.img`), executable formats (`binfmt-misc.img`).

use super::{EngineFiles, Model};
use crate::images::proto::{AutofsEntry, BinfmtMiscEntry, CpuinfoEntry};
use crate::images::{Images, Kind};

/// The contents of these images.
#[derive(Debug, Default)]
pub struct Host {
    /// Processors.
    pub processors: Vec<CpuinfoEntry>,
    /// Automatic mounts, each with the number of its image, which is the mount's.
    pub automounts: Vec<(u64, AutofsEntry)>,
    /// Executable formats.
    pub formats: Vec<BinfmtMiscEntry>,
}

/// Reads them.
pub(crate) fn read(images: Images<'_>, _model: &Model, _engine_files: &EngineFiles<'_>) -> Host {
    let numbers = |kind| images.set.of_kind(images.archive, kind).map(|(number, _)| number).collect::<Vec<u64>>();
    let mut host = Host::default();
    if images.has(Kind::Cpuinfo, 0) {
        host.processors = images.all(Kind::Cpuinfo, 0);
    }
    for number in numbers(Kind::Autofs) {
        images.each::<AutofsEntry>(Kind::Autofs, number, |entry, _, _| host.automounts.push((number, entry)));
    }
    if images.has(Kind::BinfmtMisc, 0) {
        host.formats = images.all(Kind::BinfmtMisc, 0);
    }
    // Before CRIU 3.16 there was one image per mount.
    for number in numbers(Kind::BinfmtMiscOld) {
        host.formats.append(&mut images.all(Kind::BinfmtMiscOld, number));
    }
    host
}
