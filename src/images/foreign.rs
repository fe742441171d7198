//! Recognises inputs that are given as checkpoints but were not made by CRIU, or have no images, by their contents.

use crate::archive::{self, Archive, Member, MemberKind};

/// Greatest number of members examined.
const LOOKED_AT: usize = 1000;

/// Names the kind of an archive without images, if known.
pub(crate) fn name(archive: &Archive) -> Option<&'static str> {
    let files = || archive.members().iter().filter(|member| member.kind == MemberKind::File).take(LOOKED_AT);
    let named = |member: &Member| archive::foreign(&archive.contents(member).prefix(archive::HEAD).0);
    if let Some(name) = files().find_map(named) {
        return Some(name);
    }
    let has = |name: &str| files().any(|member| member.file_name() == name.as_bytes());
    let of_crac = ["perfdata", "score", "cpufeatures", "dump4.log", "tags"];
    if has("cppath") && of_crac.iter().any(|name| has(name)) {
        return Some("a CRaC (OpenJDK) directory without CRIU images (they are elsewhere, or another engine wrote it)");
    }
    None
}
