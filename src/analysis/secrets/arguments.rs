//! Command lines as the detectors read them.

use bstr::{BStr, BString, ByteSlice};

/// Flags of programs whose next argument, or the rest of the same one, is a password.
const SHORT: [(&str, &str); 9] = [
    ("mysql", "-p"),
    ("mysqldump", "-p"),
    ("mysqladmin", "-p"),
    ("mariadb", "-p"),
    ("sshpass", "-p"),
    ("redis-cli", "-a"),
    ("smbclient", "-U"),
    ("ldapsearch", "-w"),
    ("mongosh", "-p"),
];

/// The texts in which to look for secrets: each argument, and flags joined with the values that follow them.
pub(in crate::analysis) fn texts(program: &BStr, argv: &[BString]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let mut previous: Option<&BString> = None;
    for argument in argv {
        let flag = previous.filter(|flag| flag.starts_with(b"-") && !flag.contains(&b'='));
        let joined = flag.filter(|_| !argument.starts_with(b"-")).map(|flag| {
            let name = if is_password(program, flag) { b"--password".as_slice() } else { flag.as_slice() };
            bstr::concat([name, b"=", argument.as_slice()])
        });
        if let Some(joined) = joined {
            texts.push(joined);
        } else {
            let attached = SHORT.iter().find_map(|(name, flag)| {
                let rest = argument.strip_prefix(flag.as_bytes())?;
                (program == name && !rest.is_empty()).then_some(rest)
            });
            texts.push(match attached {
                Some(rest) => bstr::concat([b"--password=", rest]),
                None => argument.to_vec(),
            });
        }
        previous = Some(argument);
    }
    for (flag, login) in argv.iter().zip(argv.iter().skip(1)) {
        let is_login = matches!(flag.as_slice(), b"-u" | b"--user" | b"--proxy-user" | b"-U");
        let is_client = program == "curl" || program == "wget" || program == "http";
        if let Some((_, password)) = login.split_once_str(":").filter(|_| is_login && is_client) {
            texts.push(bstr::concat([b"--password=", password]));
        }
    }
    texts
}

fn is_password(program: &BStr, flag: &[u8]) -> bool {
    SHORT.iter().any(|(name, known)| program == name && flag == known.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(program: &str, argv: &[&str]) -> Vec<String> {
        let argv: Vec<BString> = argv.iter().map(|text| BString::from(*text)).collect();
        texts(program.into(), &argv).into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn flags_and_their_values_are_read_together() {
        assert_eq!(of("app", &["app", "--token", "abc", "-v"]), ["app", "--token", "--token=abc", "-v"]);
        assert_eq!(of("mysql", &["mysql", "-psecret1"]), ["mysql", "--password=secret1"]);
        assert_eq!(of("curl", &["curl", "-u", "me:pw"]), ["curl", "-u", "-u=me:pw", "--password=pw"]);
    }
}
