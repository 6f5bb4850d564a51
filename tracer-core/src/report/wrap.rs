//! Lines of a width that fits.

/// Columns of the text report.
pub const WIDTH: usize = 100;

/// Breaks a text between words into lines of at most [`WIDTH`] columns, the first behind
/// `first` and the others behind `next`; a word that is too long is cut. No newline at the end.
#[must_use]
pub fn wrap(text: &str, first: &str, next: &str) -> String {
    let mut lines = String::from(first);
    let mut column = first.chars().count();
    let mut at_start = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if !at_start && column + 1 + length > WIDTH {
            lines.push('\n');
            lines.push_str(next);
            column = next.chars().count();
            at_start = true;
        }
        if !at_start {
            lines.push(' ');
            column += 1;
        }
        for character in word.chars() {
            if column == WIDTH {
                lines.push('\n');
                lines.push_str(next);
                column = next.chars().count();
            }
            lines.push(character);
            column += 1;
        }
        at_start = false;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_long_words() {
        assert_eq!(wrap("a  b c", "> ", "  "), "> a b c");
        assert_eq!(wrap("", "> ", "  "), "> ");
        let (long, end) = ("x".repeat(95), "y".repeat(10));
        assert_eq!(
            wrap(&format!("{long} {end}"), "", "  "),
            format!("{long}\n  {end}")
        );
        let cut = wrap(&"z".repeat(250), "- ", "  ");
        let lengths: Vec<usize> = cut.lines().map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [100, 100, 56]);
    }
}
