//! NET-014: a proxy that only some processes use.

use std::net::IpAddr;

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::traffic::program;
use super::super::vocabulary::is_public;
use super::super::words::{shown, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// A process has a proxy in its environment (`http_proxy`, `all_proxy`, …) that the specification does not set: one for
    /// SOCKS, or one with a public address. The value is shown without the password.
    "NET-014", proxy_environment, version 1, Network, Incubating, Info,
    title: "A process uses a proxy that the specification does not name",
    why: "Somebody sent the traffic of this process another way.",
    benign: ["Administrators set a proxy for a download."],
    attack: ["T1090"],
    cost: Free,
    tags: ["proxy"],
    check: check,
}

const NAMES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "socks_proxy"];

/// The address of a proxy without the user and the password, if it is one for SOCKS or has a public address.
fn odd(value: &[u8]) -> Option<String> {
    let text = value.to_str_lossy();
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", &text));
    let host = rest.rsplit('@').next().unwrap_or(rest).trim_end_matches('/');
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let public = name.parse::<IpAddr>().is_ok_and(is_public);
    (scheme.starts_with("socks") || public).then(|| format!("{scheme}://{host}"))
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let declared = facts.spec().spec.as_ref().and_then(|spec| spec.env.clone()).unwrap_or_default();
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(env) = process.env() else {
            report.not_checked("its environment is not in the archive");
            continue;
        };
        for (key, value) in
            env.iter().filter(|(key, _)| NAMES.iter().any(|name| key.eq_ignore_ascii_case(name.as_bytes())))
        {
            let pair = format!("{}={}", key.to_str_lossy(), value.to_str_lossy());
            let Some(proxy) = odd(value).filter(|_| !declared.contains(&pair)) else { continue };
            report.add(
                Finding::new(&RULE, Subject::Process(process.pid()))
                    .severity(Severity::Info)
                    .confidence(Confidence::High)
                    .identity([program(process), proxy.as_str().into()])
                    .sentence(format!(
                        "{} uses the proxy {} ({}).",
                        process.title(),
                        shown_within(proxy.as_bytes(), 80),
                        shown(key)
                    ))
                    .next(Next::rows_of("process_envs", process.pid()))
                    .evidence(Evidence::row("process_envs", [("pid", process.pid().into()), ("key", key.into())])),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_of_one_s_own_network_are_usual() {
        assert_eq!(odd(b"socks5://127.0.0.1:9050").unwrap(), "socks5://127.0.0.1:9050");
        assert_eq!(odd(b"http://u:secret@8.8.8.8:3128/").unwrap(), "http://8.8.8.8:3128");
        assert_eq!(odd(b"http://proxy.corp:3128"), None);
        assert_eq!(odd(b"http://10.0.0.1:3128"), None);
    }
}
