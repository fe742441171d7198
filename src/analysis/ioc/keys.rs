//! Fingerprints of SSH keys, as `ssh-keygen -l` prints them.

use bstr::ByteSlice;
use sha2::{Digest, Sha256};

/// Types of keys.
const TYPES: [&str; 7] =
    ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-", "sk-ssh-ed25519", "sk-ecdsa-sha2-", "rsa-sha2-"];

/// Lines of a file that are looked at, and bytes of a line.
const LINES: usize = 4096;
const LINE: usize = 16 << 10;

/// The fingerprints of the keys in a text, each with its line, from 1, and the offset of the line.
pub(in crate::analysis) fn fingerprints(text: &[u8]) -> Vec<(String, usize, usize)> {
    let mut all = Vec::new();
    let mut offset = 0_usize;
    for (number, line) in text.split_str("\n").take(LINES).enumerate() {
        if line.len() <= LINE
            && let Some(print) = fingerprint(line)
        {
            all.push((print, number.saturating_add(1), offset));
        }
        offset = offset.saturating_add(line.len()).saturating_add(1);
    }
    all
}

/// The fingerprint of the key of a line of `authorized_keys`.
fn fingerprint(line: &[u8]) -> Option<String> {
    let line = line.trim_ascii();
    if line.starts_with(b"#") {
        return None;
    }
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.find(|word| TYPES.iter().any(|kind| word.starts_with(kind.as_bytes())))?;
    let body = words.next()?;
    let body = body.trim_end_with(|c| c == '=');
    let blob = data_encoding::BASE64_NOPAD.decode(body).ok().filter(|blob| blob.len() >= 16)?;
    Some(format!("SHA256:{}", data_encoding::BASE64_NOPAD.encode(&Sha256::digest(&blob))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        let line =
            b"from=\"10.0.0.1\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl x";
        // As `ssh-keygen -l` prints it of GitHub's published key.
        assert_eq!(fingerprint(line).as_deref(), Some("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"));
        assert_eq!(fingerprint(b"# ssh-ed25519 AAAA"), None);
        assert_eq!(fingerprints(b"x\nssh-rsa !!\n"), []);
    }
}
