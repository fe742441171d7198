//! Blobs of container images, named by the hash of their contents.

use bstr::BString;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256, Sha512};

use super::Fault;
use crate::archive::contents::{Contents, Piece};
use crate::int::u64_of;
use crate::warning::{Code, Place};

/// Bytes that are hashed before mapped pages are released.
const STEP: usize = 8 << 20;

/// Compares a blob with the digest that names it. Truncated contents were warned about and have no hash.
pub(in crate::archive) fn check(path: &BString, digest: Option<&str>, contents: &Contents<'_>) -> Option<Fault> {
    let (algorithm, expected) = digest?.split_once(':')?;
    let found = match algorithm {
        "sha256" => hash::<Sha256>(contents)?,
        "sha512" => hash::<Sha512>(contents)?,
        _ => return None,
    };
    (!found.eq_ignore_ascii_case(expected)).then(|| Fault {
        code: Code::BlobDigest,
        place: Place::member(path),
        message: format!("the blob is named {algorithm}:{expected}, but its digest is {algorithm}:{found}: it was changed or is damaged; it was read anyway"),
    })
}

fn hash<D: Digest>(contents: &Contents<'_>) -> Option<String> {
    let mut hash = D::new();
    let mut at = 0_u64;
    for piece in contents.pieces(0, contents.len()) {
        let Piece::Bytes(bytes) = piece else { return None };
        for part in bytes.chunks(STEP) {
            hash.update(part);
            contents.give_back(at, u64_of(part.len()));
            at = at.saturating_add(u64_of(part.len()));
        }
    }
    Some(HEXLOWER.encode(&hash.finalize()))
}
