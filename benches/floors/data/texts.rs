//! What people write: a few templates a language, with names and numbers, as long as SMS are.

use crate::dice::Dice;

pub(super) struct Language {
    /// Of a hundred conversations so many are in it.
    share: u64,
    names: [&'static str; 4],
    /// `NAME`, `NUMBER` and `TIME` are filled in.
    templates: [&'static str; 6],
}

const LANGUAGES: [Language; 8] = [
    Language {
        share: 48,
        names: ["Emma", "James", "Olivia", "Noah"],
        templates: [
            "Hi NAME, your order NUMBER is ready for pickup until TIME.",
            "Can I reschedule? TIME works better for me",
            "Thanks NAME!",
            "Hello, this is about invoice NUMBER. Could you please tell me when it is due? I could not find it. NAME",
            "Yes please",
            "Your appointment with NAME is confirmed for TIME. Reply with your reference NUMBER if you need to change it. We look forward to seeing you, please bring your insurance card and a photo ID.",
        ],
    },
    Language {
        share: 15,
        names: ["Lucía", "Mateo", "Sofía", "Martín"],
        templates: [
            "Hola NAME, tu pedido NUMBER ya está listo. Puedes recogerlo hasta las TIME.",
            "¿Puedo cambiar la cita a las TIME?",
            "Muchas gracias, NAME",
            "Buenos días, no encuentro la factura NUMBER. ¿Me la pueden enviar otra vez? Soy NAME",
            "Sí, por favor",
            "Su cita con NAME queda confirmada a las TIME. Conteste con el número NUMBER si necesita cambiarla.",
        ],
    },
    Language {
        share: 9,
        names: ["Jürgen", "Anna", "Björn", "Käthe"],
        templates: [
            "Hallo NAME, Ihre Bestellung NUMBER liegt bis TIME Uhr zur Abholung bereit.",
            "Kann ich den Termin auf TIME Uhr verschieben?",
            "Vielen Dank, NAME!",
            "Guten Tag, die Rechnung NUMBER habe ich nicht bekommen. Könnten Sie sie bitte noch einmal schicken? Grüße, NAME",
            "Ja, gern",
            "Ihr Termin bei NAME ist für TIME Uhr bestätigt. Bitte antworten Sie mit NUMBER, falls Sie ihn verschieben möchten.",
        ],
    },
    Language {
        share: 7,
        names: ["Анна", "Дмитрий", "Ольга", "Сергей"],
        templates: [
            "Здравствуйте, NAME! Заказ NUMBER готов, забрать можно до TIME.",
            "Можно перенести на TIME?",
            "Спасибо, NAME",
            "Не могу найти счёт NUMBER. Пришлите, пожалуйста, ещё раз",
            "Да, конечно",
            "Ваша запись к NAME подтверждена на TIME. Номер NUMBER.",
        ],
    },
    Language {
        share: 5,
        names: ["أحمد", "فاطمة", "محمد", "ليلى"],
        templates: [
            "مرحبا NAME، طلبك رقم NUMBER جاهز للاستلام حتى الساعة TIME.",
            "هل يمكن تغيير الموعد إلى TIME؟",
            "شكرا جزيلا NAME",
            "لم أجد الفاتورة NUMBER، هل يمكن إرسالها مرة أخرى؟",
            "نعم من فضلك",
            "تم تأكيد موعدك مع NAME الساعة TIME.",
        ],
    },
    Language {
        share: 6,
        names: ["王伟", "李娜", "张敏", "刘洋"],
        templates: [
            "NAME您好，您的订单NUMBER已到店，请在TIME前领取。",
            "可以改到TIME吗？",
            "谢谢NAME",
            "我没有收到账单NUMBER，麻烦再发一次，谢谢。",
            "好的",
            "您与NAME的预约已确认，时间为TIME，编号NUMBER。",
        ],
    },
    Language {
        share: 4,
        names: ["प्रिया", "राहुल", "अनीता", "विजय"],
        templates: [
            "नमस्ते NAME, आपका ऑर्डर NUMBER तैयार है, TIME तक ले सकते हैं।",
            "क्या समय TIME किया जा सकता है?",
            "धन्यवाद NAME",
            "मुझे बिल NUMBER नहीं मिला, कृपया दोबारा भेजें।",
            "जी हाँ",
            "NAME के साथ आपकी मुलाकात TIME पर तय है।",
        ],
    },
    Language {
        share: 6,
        names: ["Zoë", "Max", "Mia", "Leo"],
        templates: [
            "Order NUMBER is here 🎉📦 see you at TIME, NAME!",
            "👍",
            "thx NAME 🙏🙏",
            "omw 🚗💨 be there TIME",
            "lol no 😂 NUMBER was the old one",
            "Happy birthday NAME!!! 🎂🥳🎈 here is your code: NUMBER, valid until TIME ❤️",
        ],
    },
];

/// The language of a conversation.
pub(super) fn language(dice: &mut Dice) -> &'static Language {
    let mut at = dice.below(100);
    for language in &LANGUAGES {
        match at.checked_sub(language.share) {
            Some(left) => at = left,
            None => return language,
        }
    }
    &LANGUAGES[0]
}

/// One message; one in twelve is written in two breaths, so that some have several segments.
pub(super) fn text(language: &Language, dice: &mut Dice) -> String {
    let mut text = sentence(language, dice);
    if dice.below(12) == 0 {
        text.push(' ');
        text += &sentence(language, dice);
    }
    text
}

fn sentence(language: &Language, dice: &mut Dice) -> String {
    // Indexes of small arrays fit both ways.
    let pick = |dice: &mut Dice, of: usize| dice.below(of as u64) as usize;
    let template = language.templates[pick(dice, language.templates.len())];
    let name = language.names[pick(dice, language.names.len())];
    let number = 100_000 + dice.below(900_000);
    let (hour, minute) = (8 + dice.below(11), dice.below(12) * 5);
    template
        .replace("NAME", name)
        .replace("NUMBER", &number.to_string())
        .replace("TIME", &format!("{hour}:{minute:02}"))
}
