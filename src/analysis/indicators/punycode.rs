//! Domains with letters beyond ASCII, in the form that DNS has of them: `xn--…` (RFC 3492). Only encoding.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const BIAS: u32 = 72;
const FIRST: u32 = 128;

/// A domain in lower case, each label in ASCII. `None` if a label is too long.
pub(super) fn domain(text: &str) -> Option<String> {
    if text.is_ascii() {
        return Some(text.to_ascii_lowercase());
    }
    if text.len() > 1024 {
        return None;
    }
    let labels: Option<Vec<String>> = text.split(['.', '\u{3002}']).map(label).collect();
    Some(labels?.join("."))
}

fn label(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    if text.is_ascii() { Some(text) } else { Some(format!("xn--{}", encoded(&text)?)) }
}

fn encoded(text: &str) -> Option<String> {
    let points: Vec<u32> = text.chars().map(u32::from).collect();
    let mut out: String = text.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let (mut next, mut delta, mut bias, mut done) = (FIRST, 0_u32, BIAS, basic);
    let all = u32::try_from(points.len()).ok()?;
    while done < all {
        let lowest = points.iter().copied().filter(|&point| point >= next).min()?;
        delta = delta.checked_add(lowest.checked_sub(next)?.checked_mul(done.checked_add(1)?)?)?;
        next = lowest;
        for &point in &points {
            if point < next {
                delta = delta.checked_add(1)?;
            }
            if point != next {
                continue;
            }
            let (mut rest, mut step) = (delta, BASE);
            loop {
                let threshold = step.saturating_sub(bias).clamp(T_MIN, T_MAX);
                if rest < threshold {
                    break;
                }
                let span = BASE.checked_sub(threshold)?;
                let over = rest.checked_sub(threshold)?;
                out.push(digit(threshold.checked_add(over.checked_rem(span)?)?)?);
                rest = over.checked_div(span)?;
                step = step.checked_add(BASE)?;
            }
            out.push(digit(rest)?);
            bias = adapted(delta, done.checked_add(1)?, done == basic)?;
            delta = 0;
            done = done.checked_add(1)?;
        }
        delta = delta.checked_add(1)?;
        next = next.checked_add(1)?;
    }
    Some(out)
}

fn adapted(delta: u32, count: u32, is_first: bool) -> Option<u32> {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta = delta.checked_add(delta.checked_div(count)?)?;
    let mut steps = 0_u32;
    while delta > 455 {
        delta /= 35;
        steps = steps.checked_add(BASE)?;
    }
    steps.checked_add(36_u32.checked_mul(delta)?.checked_div(delta.checked_add(SKEW)?)?)
}

fn digit(value: u32) -> Option<char> {
    char::from_digit(value, 36).map(|_| ()).and_then(|()| {
        let code = if value < 26 { value.checked_add(97) } else { value.checked_add(22) };
        char::from_u32(code?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_as_dns_has_them() {
        for (text, wanted) in [
            ("Bücher.example", "xn--bcher-kva.example"),
            ("münchen.de", "xn--mnchen-3ya.de"),
            ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("Plain.COM", "plain.com"),
        ] {
            assert_eq!(domain(text).as_deref(), Some(wanted));
        }
    }
}
