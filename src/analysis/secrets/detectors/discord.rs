//! Tokens and webhooks of Discord.

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, begins_word, entropy, has, is_digit, is_url64, part, run, run_back};

/// The secret part of the address of a webhook.
pub(super) static WEBHOOK: Detector = Detector {
    id: "discord-webhook",
    title: "Discord webhook",
    provider: Some("Discord"),
    action: "Delete the webhook. Attackers use such addresses to take data out: look at the channel first.",
    style: Style::Token,
    marks: &[Mark::text("/webhooks/")],
    wrapped: true,
    find: |bytes, place, out| {
        // `https://discord.com/api`, perhaps with a sub-domain before and a version behind.
        let begin = run_back(bytes, place, |byte| !text::is_break(byte) && byte != b'"' && byte != b'\'', 64);
        let head = part(bytes, begin..place);
        let digits = run_back(head, head.len(), is_digit, 2);
        let head = head.get(..digits).and_then(|head| head.strip_suffix(b"/v")).unwrap_or(head);
        let site = head.strip_suffix(b".com/api").unwrap_or_default();
        let site = site.strip_suffix(b"discordapp").or_else(|| site.strip_suffix(b"discord")).unwrap_or_default();
        let sub = run_back(site, site.len(), |byte| byte.is_ascii_lowercase() || byte == b'.', 12);
        let name = part(site, sub..site.len());
        let is_sub = name.is_empty()
            || name.strip_suffix(b".").is_some_and(|name| (2..=8).contains(&name.len()) && !name.contains(&b'.'));
        let Some(scheme) = sub.checked_sub(8).filter(|at| is_sub && has(site, *at, b"https://")) else { return };
        let start = place.saturating_add(10);
        let slash = run(bytes, start, is_digit, 21);
        let secret = slash.saturating_add(1);
        let end = run(bytes, secret, is_url64, 72);
        let is_shape = (17..=20).contains(&slash.saturating_sub(start))
            && at(bytes, slash) == Some(b'/')
            && end.saturating_sub(secret) >= 60;
        if is_shape && entropy(part(bytes, secret..end)) >= 3.5 {
            let whom = std::str::from_utf8(part(bytes, start..slash)).ok().map(|id| format!("webhook {id}"));
            let public = secret.saturating_sub(start);
            let span = begin.saturating_add(scheme)..end;
            out.push(Match::of(start..end).within(span).public(public).of_whom(whom));
        }
    },
};

/// Tokens of bots: the id of the bot in base64, a time, a signature. No text is the same in all of them, but the id is
/// digits, so only some groups of three characters can be at the beginning.
pub(super) static BOT_TOKEN: Detector = Detector {
    id: "discord-bot-token",
    title: "Discord bot token",
    provider: Some("Discord"),
    action: "Reset the token of the bot in the developer portal.",
    style: Style::Token,
    marks: &MARKS,
    wrapped: false,
    find: |bytes, place, out| {
        let dot = run(bytes, place, is_url64, 29);
        let second = run(bytes, dot.saturating_add(1), is_url64, 7);
        let third = second.saturating_add(1);
        let end = run(bytes, third, is_url64, 39);
        let is_shape = (24..=28).contains(&dot.saturating_sub(place))
            && at(bytes, dot) == Some(b'.')
            && second.saturating_sub(dot) == 7
            && at(bytes, second) == Some(b'.')
            && (27..=38).contains(&end.saturating_sub(third))
            && at(bytes, end) != Some(b'.')
            && begins_word(bytes, place);
        let id = is_shape.then(|| text::base64url(part(bytes, place..dot))).flatten();
        let id = id.filter(|id| (17..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit));
        if let Some(id) = id.and_then(|id| String::from_utf8(id).ok()) {
            out.push(Match::of(place..end).of_whom(Some(format!("bot {id}"))));
        }
    },
};

/// Base64 of two digits and the high half of a third.
static MARKS: [Mark; 120] = {
    let mut marks = [Mark::Exact(b""); 120];
    let mut place = 0;
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler checks constants")]
    while place < 120 {
        marks[place] = Mark::Exact(GROUPS[place].as_slice());
        place += 1;
    }
    marks
};

static GROUPS: [[u8; 3]; 120] = {
    let (first, second, third) = (*b"MNO", *b"DTjz", *b"AEIMQUYcgk");
    let mut groups = [[0; 3]; 120];
    let mut place = 0;
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler checks constants")]
    while place < 120 {
        groups[place] = [first[place / 40], second[place / 10 % 4], third[place % 10]];
        place += 1;
    }
    groups
};
