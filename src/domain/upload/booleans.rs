//! Yes and no as spreadsheets and people write them, in the languages that most spreadsheets are written in.

/// Words for yes that mean nothing else in any of these languages.
const YES: &str = "true yes y 1 on wahr ja vrai oui verdadero cierto sí si vero sì verdadeiro sim waar prawda tak истина да \
    doğru dogru evet 真 是 对 true() はい 예 참 pravda ano sand sant kyllä";
/// Words for no.
const NO: &str = "false no n 0 off falsch nein faux non falso não nao onwaar nee fałsz falsz nie ложь нет yanlış yanlis \
    hayır hayir 偽 假 否 错 false() いいえ 아니요 거짓 nepravda ne falsk falskt nej ei epätosi";

/// Reads yes or no; nothing where a text is neither.
pub fn read(text: &str) -> Option<bool> {
    // A dotted capital I of Turkish has a mark behind it in small letters.
    let folded: String = text.trim().chars().flat_map(char::to_lowercase).filter(|c| *c != '\u{307}').collect();
    let is_in = |words: &str| words.split(' ').any(|word| word == folded);
    if is_in(YES) {
        return Some(true);
    }
    is_in(NO).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_both() {
        assert!(YES.split(' ').all(|word| NO.split(' ').all(|other| word != other)));
        for word in YES.split(' ') {
            assert_eq!(read(&word.to_uppercase()), Some(true), "{word}");
        }
        for word in NO.split(' ') {
            assert_eq!(read(&format!(" {word} ")), Some(false), "{word}");
        }
        assert_eq!([read("maybe"), read(""), read("2"), read("x")], [None; 4]);
    }
}
