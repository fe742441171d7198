//! Makes texts from the lists beside this file. Values are made when the test runs, so that no file has a string that a
//! scanner of secrets takes for one, and checksums are right.
//!
//! In a text, `\n`, `\r`, `\t`, `\\`, `\xNN` and a digit behind a backslash are bytes. `«name …»` is replaced by what the
//! generator of this name makes of the rest, in which other generators may stand. Random characters are the same in each
//! run, and others at each place.

use data_encoding::{BASE64, BASE64URL_NOPAD};

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BECH32: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes one text.
#[derive(Debug)]
pub(in super::super) struct Maker {
    state: u64,
    /// What `«is …»` was made of.
    pub(super) value: Option<Vec<u8>>,
}

impl Maker {
    pub(in super::super) fn new(seed: u64) -> Self {
        Maker { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, value: None }
    }

    /// The bytes of a text.
    pub(in super::super) fn text(&mut self, text: &str) -> Vec<u8> {
        let mut rest = text;
        let made = self.until(&mut rest, false);
        assert!(rest.is_empty(), "» without «: {text}");
        made
    }

    /// Reads up to the end, or to the closing mark.
    fn until(&mut self, rest: &mut &str, inner: bool) -> Vec<u8> {
        let mut made = Vec::new();
        while let Some(next) = rest.chars().next() {
            *rest = &rest[next.len_utf8()..];
            match next {
                '«' => {
                    let content = self.until(rest, true);
                    let one = self.generated(&content);
                    made.extend(one);
                }
                '»' if inner => return made,
                '\\' => made.push(escaped(rest)),
                other => made.extend(other.to_string().bytes()),
            }
        }
        assert!(!inner, "« without »");
        made
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 11
    }

    fn random(&mut self, alphabet: &str, len: usize) -> Vec<u8> {
        let alphabet = alphabet.as_bytes();
        (0..len).map(|_| alphabet[usize::try_from(self.next() % alphabet.len() as u64).unwrap()]).collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(self.next() & 0xff).unwrap()).collect()
    }

    fn generated(&mut self, content: &[u8]) -> Vec<u8> {
        let (name, rest) = halves(content, b' ');
        let name = std::str::from_utf8(name).unwrap();
        let words = String::from_utf8_lossy(rest).into_owned();
        let number = || words.parse::<usize>().unwrap_or_else(|_| panic!("{name}: {words}"));
        match name {
            "is" => {
                self.value = Some(rest.to_vec());
                rest.to_vec()
            }
            "alnum" => self.random(ALNUM, number()),
            "lower" => self.random(LOWER, number()),
            "upper" => self.random(UPPER, number()),
            "letters" => self.random(LETTERS, number()),
            "hex" => self.random("0123456789abcdef", number()),
            "HEX" => self.random("0123456789ABCDEF", number()),
            "digits" => self.random("123456789", number()),
            "base32" => self.random(BASE32, number()),
            // No hyphen at the end, where some text may follow.
            "url64" => [self.random(URL64, number() - 1), self.random(ALNUM, 1)].concat(),
            "bytes" => self.bytes(number()),
            "b64" => BASE64.encode(rest).into_bytes(),
            "b64url" => BASE64URL_NOPAD.encode(rest).into_bytes(),
            "urlenc" => words.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").into_bytes(),
            "cut" => {
                let (len, text) = halves(rest, b'|');
                text[..std::str::from_utf8(len).unwrap().parse::<usize>().unwrap().min(text.len())].to_vec()
            }
            "indent" => {
                let (len, text) = halves(rest, b'|');
                let blank = " ".repeat(std::str::from_utf8(len).unwrap().parse().unwrap());
                let text = std::str::from_utf8(text).unwrap();
                text.lines().flat_map(|line| [blank.as_str(), line, "\n"]).collect::<String>().into_bytes()
            }
            // Each line of a text behind some words.
            "lines" => {
                let (words, text) = halves(rest, b'|');
                let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| [words, line].concat());
                lines.collect::<Vec<_>>().concat()
            }
            // Each line of a text as an object, as engines of containers log them.
            "objects" => {
                let object = |line: &str| format!("{{\"log\":\"{line}\\n\",\"stream\":\"stdout\",\"time\":\"1\"}}\n");
                words.lines().map(object).collect::<String>().into_bytes()
            }
            "summed" => self.summed(),
            "age" => self.age(),
            "jwt" => self.jwt(&words),
            "pem" => pem(rest),
            "gcp" => self.text(GCP),
            "sequence" => {
                let contents = self.bytes(number());
                der(0x30, &contents)
            }
            "certificate" => self.certificate(),
            "rsa" => self.rsa(if words.is_empty() { 128 } else { number() }),
            "dsa" => self.dsa(),
            "sec1" => self.sec1(&words),
            "pkcs8" => self.pkcs8(&words),
            "public-rsa" => der(0x30, &[self.number(128), der(2, &[1, 0, 1])].concat()),
            "openssh-key" => self.openssh_key(),
            "inner" => self.inner(&words),
            "ssh-field" => ssh(rest),
            "ecdsa-public" => self.ecdsa_public(),
            _ => panic!("no generator {name}"),
        }
    }

    /// 30 random characters with their checksum.
    fn summed(&mut self) -> Vec<u8> {
        let body = self.random(ALNUM, 30);
        let mut sum = crc32fast::hash(&body);
        let mut tail = [0; 6];
        for place in tail.iter_mut().rev() {
            *place = BASE62.as_bytes()[usize::try_from(sum % 62).unwrap()];
            sum /= 62;
        }
        [body, tail.to_vec()].concat()
    }

    /// The data of a bech32 text with its checksum.
    fn age(&mut self) -> Vec<u8> {
        let data = self.random(BECH32, 52);
        let value = |c: &u8| u32::try_from(BECH32.bytes().position(|one| one == *c).unwrap()).unwrap();
        let human = b"age-secret-key-";
        let mut all: Vec<u32> = human.iter().map(|b| u32::from(b >> 5)).collect();
        all.push(0);
        all.extend(human.iter().map(|b| u32::from(b & 31)));
        all.extend(data.iter().map(value));
        all.extend([0; 6]);
        let sum = all.into_iter().fold(1_u32, |sum, value| {
            let top = sum >> 25;
            let next = (sum & 0x01ff_ffff) << 5 ^ value;
            [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
                .iter()
                .enumerate()
                .fold(next, |next, (bit, step)| if top >> bit & 1 == 1 { next ^ step } else { next })
        }) ^ 1;
        let check = (0..6).map(|n| BECH32.as_bytes()[usize::try_from(sum >> (5 * (5 - n)) & 31).unwrap()]);
        [data, check.collect()].concat()
    }

    /// Header, payload, and length of the signature. `~` is a blank.
    fn jwt(&mut self, words: &str) -> Vec<u8> {
        let parts: Vec<&str> = words.split(' ').collect();
        let [header, payload, signature] = parts[..] else { panic!("jwt {words}") };
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.replace('~', " ").as_bytes());
        let signature = self.random(ALNUM, signature.parse().unwrap());
        [encode(header).as_bytes(), b".", encode(payload).as_bytes(), b".", &signature].concat()
    }

    /// A positive odd number of some bytes.
    fn number(&mut self, len: usize) -> Vec<u8> {
        der(2, &self.long(len))
    }

    fn long(&mut self, len: usize) -> Vec<u8> {
        let mut number = self.bytes(len);
        number[0] |= 0x80;
        number[len - 1] |= 1;
        number.insert(0, 0);
        number
    }

    /// PKCS#1 with a modulus of some bytes.
    fn rsa(&mut self, len: usize) -> Vec<u8> {
        let mut parts = vec![der(2, &[0]), self.number(len), der(2, &[1, 0, 1]), self.number(len - 1)];
        parts.extend((0..5).map(|_| self.number(len / 2)));
        der(0x30, &parts.concat())
    }

    fn dsa(&mut self) -> Vec<u8> {
        let numbers = [128, 20, 128, 128, 20].map(|len| self.number(len));
        der(0x30, &[der(2, &[0]), numbers.concat()].concat())
    }

    /// SEC1 with its curve.
    fn sec1(&mut self, curve: &str) -> Vec<u8> {
        let (id, len): (&[u8], usize) = match curve {
            "secp384r1" => (b"\x2b\x81\x04\x00\x22", 48),
            "brainpoolP256r1" => (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x07", 32),
            _ => (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", 32),
        };
        let secret = der(4, &self.bytes(len));
        let point = der(0xa1, &der(3, &[vec![0, 4], self.bytes(len * 2)].concat()));
        let parameters = if curve == "explicit" { der(0x30, &self.bytes(200)) } else { der(6, id) };
        der(0x30, &[der(2, &[1]), secret, der(0xa0, &parameters), point].concat())
    }

    fn pkcs8(&mut self, kind: &str) -> Vec<u8> {
        let wrapped = |version: u8, algorithm: Vec<u8>, key: &[u8], rest: Vec<u8>| {
            der(0x30, &[der(2, &[version]), der(0x30, &algorithm), der(4, key), rest].concat())
        };
        match kind {
            "rsa" => {
                let key = self.rsa(128);
                wrapped(0, [der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), vec![5, 0]].concat(), &key, Vec::new())
            }
            "ec" => {
                let secret = der(4, &self.bytes(32));
                let point = der(0xa1, &der(3, &[vec![0, 4], self.bytes(64)].concat()));
                let curve = [der(6, b"\x2a\x86\x48\xce\x3d\x02\x01"), der(6, b"\x2a\x86\x48\xce\x3d\x03\x01\x07")];
                wrapped(0, curve.concat(), &der(0x30, &[der(2, &[1]), secret, point].concat()), Vec::new())
            }
            "p192" => {
                let secret = der(0x30, &[der(2, &[1]), der(4, &self.bytes(24))].concat());
                let curve = [der(6, b"\x2a\x86\x48\xce\x3d\x02\x01"), der(6, b"\x2a\x86\x48\xce\x3d\x03\x01\x01")];
                wrapped(0, curve.concat(), &secret, Vec::new())
            }
            "dh" => {
                let domain = der(0x30, &[self.number(128), der(2, &[2])].concat());
                let algorithm = [der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01"), domain].concat();
                let key = self.number(127);
                wrapped(0, algorithm, &key, Vec::new())
            }
            "ed25519" => wrapped(0, der(6, b"\x2b\x65\x70"), &der(4, &self.bytes(32)), Vec::new()),
            "ed25519-v2" => {
                let public = der(0x81, &[vec![0], self.bytes(32)].concat());
                wrapped(1, der(6, b"\x2b\x65\x70"), &der(4, &self.bytes(32)), public)
            }
            "dsa" => {
                let parameters = [self.number(128), self.number(20), self.number(128)].concat();
                let algorithm = [der(6, b"\x2a\x86\x48\xce\x38\x04\x01"), der(0x30, &parameters)].concat();
                let key = self.number(20);
                wrapped(0, algorithm, &key, Vec::new())
            }
            _ => panic!("pkcs8 {kind}"),
        }
    }

    /// The structure of a certificate: a sequence that is no key.
    fn certificate(&mut self) -> Vec<u8> {
        let head = [der(0xa0, &der(2, &[2])), self.number(16), self.bytes(200)].concat();
        der(0x30, &[der(0x30, &head), self.bytes(64)].concat())
    }

    /// A key file of OpenSSH, without its armour.
    fn openssh_key(&mut self) -> Vec<u8> {
        let public = self.bytes(32);
        let check = self.bytes(4);
        let private = [self.bytes(32), public.clone()].concat();
        let outer = [ssh(b"ssh-ed25519"), ssh(&public)].concat();
        let inner = [&check[..], &check, &ssh(b"ssh-ed25519"), &ssh(&public), &ssh(&private), &ssh(b"me"), &[1, 2]];
        let parts = [ssh(b"none"), ssh(b"none"), ssh(b""), vec![0, 0, 0, 1], ssh(&outer), ssh(&inner.concat())];
        [b"openssh-key-v1\0".to_vec(), parts.concat()].concat()
    }

    /// A private key as an agent of OpenSSH holds it.
    fn inner(&mut self, kind: &str) -> Vec<u8> {
        match kind {
            "ed25519" => {
                let public = self.bytes(32);
                let private = [self.bytes(32), public.clone()].concat();
                [ssh(b"ssh-ed25519"), ssh(&public), ssh(&private)].concat()
            }
            "rsa" => {
                let mut parts = vec![ssh(b"ssh-rsa"), ssh(&self.long(256)), ssh(&[1, 0, 1])];
                parts.extend([256, 128, 128, 128].map(|len| ssh(&self.long(len))));
                parts.concat()
            }
            "ecdsa" => [self.ecdsa_public(), ssh(&self.long(32))].concat(),
            _ => panic!("inner {kind}"),
        }
    }

    fn ecdsa_public(&mut self) -> Vec<u8> {
        let point = [vec![4], self.bytes(64)].concat();
        [ssh(b"ecdsa-sha2-nistp256"), ssh(b"nistp256"), ssh(&point)].concat()
    }
}

const GCP: &str = r#"{\n  "type": "service_account",\n  "project_id": "shop",\n  "private_key_id": "«hex 40»",\n  "private_key": "«pem PRIVATE KEY|«pkcs8 rsa»|\\n»",\n  "client_email": "robot@shop.iam.gserviceaccount.com",\n  "client_id": "«digits 21»"\n}"#;

/// The parts before and behind the first byte of a kind.
fn halves(text: &[u8], sign: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|byte| *byte == sign);
    at.map_or((text, &[]), |at| (&text[..at], &text[at + 1..]))
}

fn escaped(rest: &mut &str) -> u8 {
    let next = rest.chars().next().unwrap();
    *rest = &rest[1..];
    match next {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        '\\' => b'\\',
        'x' => {
            let byte = u8::from_str_radix(&rest[..2], 16).unwrap();
            *rest = &rest[2..];
            byte
        }
        digit => u8::try_from(digit.to_digit(10).unwrap()).unwrap(),
    }
}

/// An element of DER.
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let head = match len {
        0..=127 => vec![tag, u8::try_from(len).unwrap()],
        128..=255 => vec![tag, 0x81, u8::try_from(len).unwrap()],
        _ => vec![tag, 0x82, u8::try_from(len >> 8).unwrap(), u8::try_from(len & 255).unwrap()],
    };
    [head, contents.to_vec()].concat()
}

/// `label|data|end of line`.
fn pem(rest: &[u8]) -> Vec<u8> {
    let (label, rest) = halves(rest, b'|');
    let last = rest.iter().rposition(|byte| *byte == b'|').unwrap();
    let (data, end) = (&rest[..last], &rest[last + 1..]);
    let text = BASE64.encode(data);
    let lines: Vec<&[u8]> = text.as_bytes().chunks(64).collect();
    [b"-----BEGIN ", label, b"-----", end, &lines.join(end), end, b"-----END ", label, b"-----", end].concat()
}

/// A field of SSH: its length, then its bytes.
fn ssh(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}
