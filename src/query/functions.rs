//! Functions for queries in addition to SQLite's.

use std::error::Error as StdError;
use std::net::IpAddr;

use regex_automata::meta::Regex;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

use super::cell::integer;
use super::watch::Watch;
use crate::abi::ip;

/// An SQL function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Name.
    pub name: &'static str,
    /// Names of the arguments.
    pub arguments: &'static [&'static str],
    /// Description.
    pub doc: &'static str,
    call: fn(&mut Context<'_>) -> Result<Option<i128>>,
}

/// All functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "hex_to_int",
        arguments: &["text"],
        doc: "The number of an address or a mask; null if the text is neither. Beyond 2^63-1 it is text.",
        call: hex_to_int,
    },
    Function {
        name: "has_bit",
        arguments: &["mask", "bit"],
        doc: "Whether a bit of a mask is set: `has_bit(cap_eff, 21)` is CAP_SYS_ADMIN.",
        call: has_bit,
    },
    Function {
        name: "in_network",
        arguments: &["address", "network"],
        doc: "Whether an IP address is in a network: `in_network(remote_address, '10.0.0.0/8')`. Null if it is not an \
              address.",
        call: in_network,
    },
    Function {
        name: "regexp",
        arguments: &["pattern", "text"],
        doc: "Whether a regular expression is found in a text or blob; also written `text REGEXP pattern`.",
        call: regexp,
    },
];

/// Registers the functions.
pub(super) fn register(connection: &Connection, watch: &Watch) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    for function in FUNCTIONS {
        let arguments = i32::try_from(function.arguments.len()).unwrap_or(-1);
        let call = function.call;
        let watch = watch.clone();
        connection.create_scalar_function(function.name, arguments, flags, move |context| {
            // The engine checks the clock only between its steps, and one call may take as long as many steps.
            if watch.is_over() {
                return Err(Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT), None));
            }
            Ok(call(context)?.map(integer))
        })?;
    }
    Ok(())
}

/// The text of an argument; `None` for null and numbers.
fn text<'c>(context: &'c Context<'_>, argument: usize) -> Option<&'c str> {
    match context.get_raw(argument) {
        ValueRef::Text(text) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

fn wrong(message: String) -> Error {
    Error::UserFunctionError(message.into())
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

#[expect(clippy::unnecessary_wraps, reason = "all functions have one signature")]
fn hex_to_int(context: &mut Context<'_>) -> Result<Option<i128>> {
    Ok(text(context, 0).and_then(hexadecimal).map(i128::from))
}

fn has_bit(context: &mut Context<'_>) -> Result<Option<i128>> {
    let bits = match context.get_raw(0) {
        ValueRef::Integer(number) => Some(number.cast_unsigned()),
        _ => text(context, 0).and_then(hexadecimal),
    };
    let ValueRef::Integer(bit) = context.get_raw(1) else { return Ok(None) };
    let Some(bit) = u32::try_from(bit).ok().filter(|bit| *bit < u64::BITS) else {
        return Err(wrong(format!("has_bit: there is no bit {bit}; masks have bits 0 to 63")));
    };
    Ok(bits.map(|bits| i128::from((bits >> bit) & 1)))
}

fn in_network(context: &mut Context<'_>) -> Result<Option<i128>> {
    let Some(network) = text(context, 1) else { return Ok(None) };
    let Some((base, length)) = parse_network(network) else {
        return Err(wrong(format!("in_network: {network} is not a network; write 10.0.0.0/8 or fc00::/7")));
    };
    let address = text(context, 0).and_then(|text| text.parse().ok()).map(|address: IpAddr| bits(address));
    Ok(address.map(|address| {
        let (base, width) = bits(base);
        let shift = width.saturating_sub(length);
        // A shift by all bits gives zero.
        let prefix = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
        i128::from(address.1 == width && prefix(address.0) == prefix(base))
    }))
}

/// An address and the length of its prefix in bits.
fn parse_network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let (_, width) = bits(address);
    let length = length.map_or(Ok(width), str::parse).ok().filter(|length| *length <= width)?;
    Some((address, length))
}

/// The bits of an address, and their number. IPv4-mapped IPv6 addresses count as IPv4.
fn bits(address: IpAddr) -> (u128, u32) {
    match ip::on_the_wire(address) {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn regexp(context: &mut Context<'_>) -> Result<Option<i128>> {
    let (ValueRef::Text(_), ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = (context.get_raw(0), context.get_raw(1))
    else {
        return Ok(None);
    };
    let regex = context.get_or_create_aux(0, compile)?;
    Ok(Some(regex.is_match(bytes).into()))
}

/// Compiles an expression, once per query.
fn compile(pattern: ValueRef<'_>) -> std::result::Result<Regex, Box<dyn StdError + Send + Sync>> {
    let pattern = pattern.as_str()?;
    Regex::new(pattern).map_err(|error| {
        let why = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
        let last = why.lines().last().unwrap_or_default();
        format!("regexp: {pattern} is not a regular expression: {}", last.trim_start_matches("error: ")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of an expression as SQLite prints it, or the text of the error.
    fn value(expression: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection, &Watch::new(std::sync::Arc::default())).unwrap();
        let sql = format!("SELECT ifnull(CAST({expression} AS TEXT), 'null')");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn hexadecimal_text_is_a_number() {
        assert_eq!(value("hex_to_int('0x7ffc')"), "32764");
        assert_eq!(value("hex_to_int('00000000000000a0')"), "160");
        assert_eq!(value("hex_to_int('0xffffffffffffffff')"), "18446744073709551615");
        assert_eq!(value("typeof(hex_to_int('0xffffffffffffffff'))"), "text");
        assert_eq!(value("hex_to_int('sh')"), "null");
        assert_eq!(value("hex_to_int(NULL)"), "null");
    }

    #[test]
    fn bits_of_masks_are_told() {
        assert_eq!(value("has_bit('0000000000200000', 21)"), "1");
        assert_eq!(value("has_bit('8000000000000000', 63)"), "1");
        assert_eq!(value("has_bit('0000000000200000', 20)"), "0");
        assert_eq!(value("has_bit(5, 2)"), "1");
        assert_eq!(value("has_bit(NULL, 2)"), "null");
        assert_eq!(value("has_bit('0', 64)"), "has_bit: there is no bit 64; masks have bits 0 to 63");
    }

    #[test]
    fn addresses_lie_in_networks() {
        for (address, network, expected) in [
            ("10.1.2.3", "10.0.0.0/8", "1"),
            ("11.1.2.3", "10.0.0.0/8", "0"),
            ("203.0.113.66", "203.0.113.66", "1"),
            ("203.0.113.66", "0.0.0.0/0", "1"),
            ("::ffff:10.1.2.3", "10.0.0.0/8", "1"),
            ("fe80::1", "fe80::/10", "1"),
            ("::1", "0.0.0.0/0", "0"),
            ("2001:db8::1", "::/0", "1"),
            ("/run/socket", "10.0.0.0/8", "null"),
            ("10.1.2.3", "10.0.0.0/33", "in_network: 10.0.0.0/33 is not a network; write 10.0.0.0/8 or fc00::/7"),
        ] {
            assert_eq!(value(&format!("in_network('{address}', '{network}')")), expected, "{address} {network}");
        }
    }

    #[test]
    fn expressions_are_found_in_text_and_bytes() {
        assert_eq!(value("'/tmp/.x' REGEXP '^/tmp/'"), "1");
        assert_eq!(value("'/usr/bin' REGEXP '^/tmp/'"), "0");
        assert_eq!(value("x'2f746d70ff' REGEXP '^/tmp'"), "1");
        assert_eq!(value("NULL REGEXP 'x'"), "null");
        assert!(
            value("'x' REGEXP '('").starts_with("regexp: ( is not a regular expression: "),
            "{}",
            value("'x' REGEXP '('")
        );
        assert_eq!(value("(SELECT count(*) FROM json_each('[\"ab\",\"b\",\"ac\"]') WHERE value REGEXP '^a')"), "2");
    }
}
