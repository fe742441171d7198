//! Settings that let somebody in, or packages from anywhere.

use std::net::IpAddr;

use bstr::ByteSlice;

use super::super::super::Severity;
use super::super::super::facts::base;
use super::super::super::vocabulary::{is_hidden_name, is_public, is_shell_name, is_world_writable};
use super::Does;

/// A proxy to a socket that is hidden, or that everybody may replace.
pub(super) fn nginx(line: &[u8]) -> Option<Does<'_>> {
    let at = line.find("unix:")?;
    let is_proxy = ["_pass ", "server unix:"].iter().any(|word| line.contains_str(word));
    let path = line.get(at.saturating_add(5)..)?;
    let end = path.iter().position(|byte| b":; \t}".contains(byte)).unwrap_or(path.len());
    let path = path.get(..end)?;
    let is_odd = path.split_str("/").any(is_hidden_name) || is_world_writable(path) && !path.starts_with(b"/run/");
    let is_odd = is_odd && !path.starts_with(b"/tmp/php") && !path.starts_with(b"/tmp/uwsgi");
    let severity = if path.split_str("/").any(is_hidden_name) { Severity::High } else { Severity::Low };
    (is_proxy && is_odd).then_some(Does::Opens(severity, "passes what visitors send to a hidden socket"))
}

pub(super) fn ssh(line: &[u8]) -> Option<Does<'_>> {
    let mut words = line.fields();
    let (key, value) = (words.next()?.to_ascii_lowercase(), words.next()?);
    match key.as_slice() {
        b"trustedusercakeys" if !value.eq_ignore_ascii_case(b"none") => Some(Does::Trusts(value)),
        b"permituserenvironment" if value.eq_ignore_ascii_case(b"yes") => {
            Some(Does::Opens(Severity::Medium, "lets users have libraries loaded at their logins"))
        }
        _ => None,
    }
}

/// `+` alone trusts all hosts, and as the second word all users.
pub(super) fn hosts(line: &[u8]) -> Option<Does<'_>> {
    let mut words = line.fields();
    let is_all = words.next() == Some(b"+") || words.next() == Some(b"+");
    is_all.then_some(Does::Opens(Severity::High, "lets everybody in without a password"))
}

/// A service that gives a shell to whoever connects.
pub(super) fn inetd(line: &[u8]) -> Option<Does<'_>> {
    let program = line.fields().nth(5)?;
    is_shell_name(base(program)).then_some(Does::Opens(Severity::High, "gives a shell to whoever connects"))
}

/// Packages from a public address without a name.
pub(super) fn packages(line: &[u8]) -> Option<Does<'_>> {
    let at = line.find("://")?;
    let rest = line.get(at.saturating_add(3)..)?;
    let rest = rest.rsplit_once_str("@").filter(|(user, _)| !user.contains(&b'/')).map_or(rest, |(_, host)| host);
    let end = rest.iter().position(|byte| b"/:\"' ]".contains(byte)).unwrap_or(rest.len());
    let address: IpAddr = rest.get(..end)?.to_str().ok()?.parse().ok()?;
    is_public(address).then_some(Does::Opens(Severity::Medium, "takes packages from a public address without a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_are_known() {
        assert!(nginx(b"location /s { proxy_pass http://unix:/run/.x.sock; }").is_some());
        assert!(nginx(b"fastcgi_pass unix:/run/php/php8.4-fpm.sock;").is_none());
        assert!(nginx(b"proxy_pass http://127.0.0.1:80;").is_none());
        assert_eq!(ssh(b"TrustedUserCAKeys /etc/ssh/ca.pub"), Some(Does::Trusts(b"/etc/ssh/ca.pub")));
        assert!(ssh(b"PermitUserEnvironment yes").is_some() && ssh(b"Port 22").is_none());
        assert!(hosts(b"+ +").is_some() && hosts(b"host.example user").is_none());
        assert!(inetd(b"ingreslock stream tcp nowait root /bin/bash bash -i").is_some());
        assert!(inetd(b"ftp stream tcp nowait root /usr/sbin/ftpd ftpd").is_none());
        assert!(packages(b"index-url=http://45.77.13.37/simple").is_some());
        for line in [
            "index-url=https://pypi.org/simple",
            "registry=http://10.0.0.5:4873/",
            "deb http://deb.debian.org/debian sid main",
        ] {
            assert!(packages(line.as_bytes()).is_none(), "{line}");
        }
    }
}
