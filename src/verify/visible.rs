//! Text from documents made safe to show: what steers a terminal or turns reading direction is written out.

/// `text` with control characters, bidirectional controls, invisible formatting characters and private-use
/// characters replaced by `\u{hex}`. A backslash stays as it is. Cut after 1,024 characters with an ellipsis.
pub fn visible(text: &str) -> String {
    const LIMIT: usize = 1024;
    let mut out = String::with_capacity(text.len().min(LIMIT));
    for (n, c) in text.chars().enumerate() {
        if n == LIMIT {
            out.push('…');
            break;
        }
        if is_hidden(c) {
            out.push_str(&format!("\\u{{{:04X}}}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Control, bidirectional, zero-width, tag, variation and private-use characters, and line separators.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
            | 0xE000..=0xF8FF | 0xE0000..=0xE0FFF | 0xF0000..=0x10FFFF)
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn shows_what_would_hide() {
        assert_eq!(visible("张三 & <b>"), "张三 & <b>");
        assert_eq!(visible("a\u{202E}b\u{1b}[31m\n"), "a\\u{202E}b\\u{001B}[31m\\u{000A}");
        assert_eq!(visible("\u{200B}\u{E0041}"), "\\u{200B}\\u{E0041}");
    }

    #[test]
    fn is_cut() {
        assert_eq!(visible(&"x".repeat(5000)).chars().count(), 1025);
    }
}
