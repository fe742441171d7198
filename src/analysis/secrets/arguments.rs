//! Command lines as the detectors read them.

use bstr::ByteSlice;

use super::text::is_word;

/// Programs that take a password on their command line.
struct Program {
    names: &'static [&'static str],
    flags: &'static [&'static str],
    /// Whether the password may follow the flag in the same argument, and in the next one.
    attached: bool,
    apart: bool,
    /// What stands between a user and the password.
    behind: Option<u8>,
}

const fn program(names: &'static [&'static str], flags: &'static [&'static str]) -> Program {
    Program { names, flags, attached: true, apart: true, behind: None }
}

const PROGRAMS: [Program; 10] = [
    // Behind a blank it is the name of a database.
    Program {
        apart: false,
        ..program(
            &[
                "mysql",
                "mysqldump",
                "mysqladmin",
                "mysqlimport",
                "mysqlcheck",
                "mysqlshow",
                "mariadb",
                "mariadb-dump",
                "mariadb-admin",
                "mariadb-import",
                "mariadb-check",
                "mariadb-show",
            ],
            &["-p"],
        )
    },
    program(&["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"], &["-p"]),
    program(&["sshpass"], &["-p"]),
    program(&["redis-cli", "valkey-cli", "keydb-cli"], &["-a"]),
    program(&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldappasswd"], &["-w"]),
    program(&["sqlcmd", "bcp"], &["-P"]),
    program(&["plink", "pscp", "psftp"], &["-pw"]),
    Program { behind: Some(b'%'), ..program(&["smbclient", "rpcclient", "smbget"], &["-U", "--user"]) },
    Program { behind: Some(b':'), ..program(&["curl"], &["-u", "--user", "-U", "--proxy-user"]) },
    Program { behind: Some(b':'), ..program(&["http", "https", "xh"], &["-a", "--auth"]) },
];

/// A text in which to look for secrets: the end of an argument, behind words that say what it is.
pub(in crate::analysis) struct Text {
    pub(in crate::analysis) bytes: Vec<u8>,
    /// The number of the argument, where its end begins, and where that is in the text.
    pub(super) argument: usize,
    pub(super) from: usize,
    pub(super) own: usize,
    /// Whether it is a setting, all of which is its value.
    pub(in crate::analysis) is_setting: bool,
}

/// The texts in which to look for secrets: each argument, and flags joined with the values that follow them. A program may
/// be run by another one, such as `sudo`.
pub(in crate::analysis) fn texts<T: AsRef<[u8]>>(program: &[u8], argv: &[T]) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut known: Vec<&Program> = named(program).into_iter().collect();
    let mut previous: &[u8] = b"";
    for (number, argument) in argv.iter().enumerate() {
        let argument = argument.as_ref();
        known.extend(named(argument).filter(|one| !known.iter().any(|other| std::ptr::eq(*other, *one))));
        let mut add = |name: &[u8], from: usize, is_setting: bool| {
            let own = name.len();
            let bytes = bstr::concat([name, argument.get(from..).unwrap_or_default()]);
            texts.push(Text { bytes, argument: number, from, own, is_setting });
        };
        let is_flag = previous.starts_with(b"-") && !previous.contains(&b'=') && !argument.starts_with(b"-");
        // The script of a shell has settings, and is none.
        let is_setting = !(is_flag && is_script(previous) || argument.contains(&b'\n'));
        if is_flag {
            add(&bstr::concat([previous, b"="]), 0, is_setting);
        } else {
            add(b"", 0, is_setting);
        }
        let password = known.iter().find_map(|one| one.password(previous, argument));
        if let Some(from) = password {
            add(b"--password=", from, true);
        }
        previous = argument;
    }
    texts
}

/// What is known of the program that an argument names.
fn named(argument: &[u8]) -> Option<&'static Program> {
    let base = argument.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let base = base.trim_with(|sign| matches!(sign, '`' | '\'' | '"' | '('));
    PROGRAMS.iter().find(|one| one.names.iter().any(|name| base == name.as_bytes()))
}

/// `-c`, `-lc`.
fn is_script(flag: &[u8]) -> bool {
    !flag.starts_with(b"--") && flag.ends_with(b"c") && flag.iter().skip(1).all(|byte| is_word(*byte))
}

impl Program {
    /// Where a password begins in an argument that follows another one.
    fn password(&self, previous: &[u8], argument: &[u8]) -> Option<usize> {
        let is_flag = |flag: &&&str| {
            // Short flags may stand together: `-su`.
            let last = flag.strip_prefix('-').filter(|letter| letter.len() == 1);
            let is_last = |letter: &str| {
                !previous.starts_with(b"--")
                    && previous.starts_with(b"-")
                    && previous.ends_with(letter.as_bytes())
                    && previous.iter().skip(1).all(u8::is_ascii_alphabetic)
            };
            previous == flag.as_bytes() || last.is_some_and(is_last)
        };
        let is_apart = self.apart && self.flags.iter().any(|flag| is_flag(&flag));
        let attached = || {
            let flag = self.flags.iter().find(|flag| argument.starts_with(flag.as_bytes()))?;
            let sign = usize::from(argument.get(flag.len()) == Some(&b'='));
            // What else begins with the letters of a long flag is another one.
            (self.attached && (!flag.starts_with("--") || sign == 1)).then(|| flag.len().saturating_add(sign))
        };
        let start = if is_apart && !argument.starts_with(b"-") { 0 } else { attached()? };
        let value = argument.get(start..)?;
        let user = match self.behind {
            Some(sign) => value.find_byte(sign)?.saturating_add(1),
            None => 0,
        };
        value.get(user..).filter(|password| !password.is_empty()).map(|_| start.saturating_add(user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(program: &str, argv: &[&str]) -> Vec<String> {
        texts(program.as_bytes(), argv).into_iter().map(|text| String::from_utf8(text.bytes).unwrap()).collect()
    }

    #[test]
    fn flags_and_their_values_are_read_together() {
        assert_eq!(of("app", &["app", "--token", "abc", "-v"]), ["app", "--token", "--token=abc", "-v"]);
        assert_eq!(of("mysql", &["mysql", "-psecret1"]), ["mysql", "-psecret1", "--password=secret1"]);
        assert_eq!(of("curl", &["curl", "-u", "me:pw"]), ["curl", "-u", "-u=me:pw", "--password=pw"]);
    }

    #[test]
    fn programs_take_passwords_in_their_own_ways() {
        let password = |argv: &[&str]| {
            let all = of("", argv).into_iter();
            let mut passwords = all.filter_map(|text| Some(text.strip_prefix("--password=")?.to_owned()));
            passwords.next()
        };
        for argv in [
            &["sudo", "mysqldump", "-ppw"] as &[&str],
            &["/usr/bin/mariadb-dump", "-ppw"],
            &["mongodump", "-u", "ada", "-p", "pw"],
            &["curl", "-uada:pw"],
            &["curl", "-su", "ada:pw"],
            &["curl", "--user=ada:pw"],
            &["http", "-a", "ada:pw"],
            &["http", "--auth=ada:pw"],
            &["smbclient", "-U", "ada%pw"],
            &["timeout", "5", "redis-cli", "-a", "pw"],
        ] {
            assert_eq!(password(argv).as_deref(), Some("pw"), "{argv:?}");
        }
        for argv in [&["mysql", "-p", "shop"] as &[&str], &["cp", "-p", "x"], &["curl", "-u", "ada"], &["http", "-h"]] {
            assert_eq!(password(argv), None, "{argv:?}");
        }
    }

    #[test]
    fn a_script_is_no_setting() {
        let is_setting = |argv: &[&str]| texts(b"", argv).last().unwrap().is_setting;
        assert!(is_setting(&["env", "PASSWORD=a b"]) && !is_setting(&["sh", "-c", "PASSWORD=a b"]));
    }
}
