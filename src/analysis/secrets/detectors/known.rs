//! Private keys that everybody has, as they are published with programs: for tests, or to be replaced after the first start.

use sha2::{Digest, Sha256};

use super::der::modulus;

/// The beginnings of the SHA-256 of the modulus of RSA keys.
const KEYS: [u64; 5] = [
    // Go's `httptest`, in every program that imports it: since 2022, and before.
    0x544f_dd51_9498_def7,
    0xecc9_88c7_5167_e058,
    // Go's tests of TLS.
    0xd788_8c22_b52b_df4f,
    // Vagrant's insecure key.
    0x4fd9_973c_9cc2_06ef,
    // Python's tests of TLS.
    0xb733_35cc_144a_e7c5,
];

/// Whether a private key in DER is one of these.
pub(super) fn is_known(key: &[u8]) -> bool {
    let Some(modulus) = modulus(key) else { return false };
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let digest = Sha256::digest(modulus.get(zeros..).unwrap_or_default());
    digest.first_chunk::<8>().is_some_and(|head| KEYS.contains(&u64::from_be_bytes(*head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_key_is_known_by_its_modulus() {
        // The modulus of the key of Go's tests of TLS, in a key that is cut behind it.
        let head =
            "MIIBOwIBAAJBANLJhPHhITqQbPklG3ibCVxwGMRfp/v4XqhfdQHdcVfHap6NQ5Wok/4xIA+ui35/MmNartNuC+BdZ1tMuVCPFZcCAwEA";
        let head = data_encoding::BASE64.decode(head.as_bytes()).unwrap();
        assert!(is_known(&head));
        let mut other = head;
        other[40] ^= 1;
        assert!(!is_known(&other) && !is_known(b"") && !is_known(b"\x30\x03\x02\x01\x00"));
    }
}
