//! What people hand in as a checkpoint and CRIU did not make, or made in a form that has no images: told by what is in it.

use crate::archive::{Archive, Member, MemberKind};

/// How gVisor's state files begin.
pub(crate) const GVISOR: &[u8] = b"gVisorSF";
/// Members that are looked at.
const LOOKED_AT: usize = 1000;

/// What an archive without images is, if it is known.
pub(crate) fn name(archive: &Archive) -> Option<&'static str> {
    let files = || archive.members().iter().filter(|member| member.kind == MemberKind::File).take(LOOKED_AT);
    let begins_as_gvisor = |member: &Member| archive.contents(member).prefix(8).0.starts_with(GVISOR);
    if files().any(begins_as_gvisor) {
        return Some("a checkpoint of gVisor (runsc), whose kernel saves itself and writes no images of CRIU");
    }
    let has = |name: &str| files().any(|member| member.file_name() == name.as_bytes());
    let of_crac = ["perfdata", "score", "cpufeatures", "dump4.log", "tags"];
    if has("cppath") && of_crac.iter().any(|name| has(name)) {
        return Some(
            "a folder of CRaC (OpenJDK) without images of CRIU: they were left elsewhere, or another engine than CRIU wrote it",
        );
    }
    None
}
