//! Private keys that everybody has, as they are published with programs: for tests, or to be replaced after the first start.

use sha2::{Digest, Sha256};

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

/// Whether a modulus is that of one of these.
pub(super) fn is_known(modulus: &[u8]) -> bool {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let digest = Sha256::digest(modulus.get(zeros..).unwrap_or_default());
    digest.first_chunk::<8>().is_some_and(|head| KEYS.contains(&u64::from_be_bytes(*head)))
}
