"""Tongues: facts about eight things in seven languages, a question for each, and identifiers inside running text.

Written for the measurement of search by words, and used for nothing else. A fact is a sentence about a thing, with a
value that no question names; a question has other words around those that count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

VALUES = ("5433", "Lisbon", "03:15", "Ada", "cobalt")


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language: the names of eight things, and of each of five facts the sentence and the question."""

    name: str
    things: Sequence[str]
    facts: Sequence[tuple[str, str]]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Give every fact of every thing, and the question for it."""
        for number, thing in enumerate(self.things):
            for (fact, question), value in zip(self.facts, VALUES, strict=True):
                yield fact.format(thing=thing, value=f"{value}{number}"), question.format(thing=thing)


TONGUES = (
    Tongue(
        "Chinese",
        ("数据库", "邮件服务器", "备份脚本", "登录页面", "搜索引擎", "打印机", "测试环境", "支付网关"),
        (
            ("{thing}监听的端口是{value}。", "{thing}的端口是多少"),
            ("{thing}存放在{value}的机房里。", "{thing}在哪个机房"),
            ("{thing}每晚{value}重新启动。", "{thing}几点重新启动"),
            ("{thing}由{value}负责维护。", "谁负责维护{thing}"),
            ("{thing}的密码提示是{value}。", "{thing}的密码提示"),
        ),
    ),
    Tongue(
        "Japanese",
        (
            "データベース",
            "メールサーバー",
            "バックアップ",
            "ログイン画面",
            "検索エンジン",
            "プリンター",
            "試験環境",
            "決済窓口",
        ),
        (
            ("{thing}が待ち受けるポートは{value}です。", "{thing}のポートは何番"),
            ("{thing}は{value}の機械室にあります。", "{thing}はどこの機械室"),
            ("{thing}は毎晩{value}に再起動します。", "{thing}はいつ再起動"),
            ("{thing}の担当者は{value}です。", "{thing}の担当者は誰"),
            ("{thing}の合言葉は{value}です。", "{thing}の合言葉を教えて"),
        ),
    ),
    Tongue(
        "Korean",
        ("데이터베이스", "메일서버", "백업스크립트", "로그인화면", "검색엔진", "프린터", "시험환경", "결제창구"),
        (
            ("{thing}는 포트 {value}에서 수신합니다.", "{thing} 포트가 뭐야"),
            ("{thing}는 {value} 기계실에 있습니다.", "{thing}가 있는 기계실"),
            ("{thing}는 매일 밤 {value}에 재시작합니다.", "{thing}는 언제 재시작"),
            ("{thing}의 담당자는 {value}입니다.", "{thing} 담당자가 누구"),
            ("{thing}의 암호힌트는 {value}입니다.", "{thing} 암호힌트"),
        ),
    ),
    Tongue(
        "Thai",
        (
            "ฐานข้อมูล",
            "เครื่องแม่ข่ายอีเมล",
            "สคริปต์สำรอง",
            "หน้าเข้าสู่ระบบ",
            "เครื่องมือค้นหา",
            "เครื่องพิมพ์",
            "ระบบทดสอบ",
            "ช่องทางชำระเงิน",
        ),
        (
            ("{thing}ใช้พอร์ต {value}", "พอร์ตของ{thing}คืออะไร"),
            ("{thing}อยู่ในห้องเครื่องที่ {value}", "ห้องเครื่องของ{thing}อยู่ที่ไหน"),
            ("{thing}เริ่มใหม่ทุกคืนเวลา {value}", "{thing}เริ่มใหม่กี่โมง"),
            ("ผู้ดูแล{thing}คือ {value}", "ใครเป็นผู้ดูแล{thing}"),
            ("คำใบ้รหัสของ{thing}คือ {value}", "คำใบ้รหัสของ{thing}"),
        ),
    ),
    Tongue(
        "Russian",
        (
            "база данных",
            "почтовый сервер",
            "резервная копия",
            "страница входа",
            "поисковик",
            "принтер",
            "стенд",
            "касса",
        ),
        (
            ("{thing} слушает порт {value}.", "какой порт слушает {thing}"),
            ("{thing} стоит в машинном зале {value}.", "в каком машинном зале {thing}"),
            ("{thing} перезапускается ночью в {value}.", "когда перезапускается {thing}"),
            ("{thing}: обслуживает инженер {value}.", "кто из инженеров обслуживает, {thing}"),
            ("{thing}: подсказка к паролю {value}.", "подсказка для пароля, {thing}"),
        ),
    ),
    Tongue(
        "German",
        (
            "Produktionsdatenbank",
            "Mailserver",
            "Sicherungskopie",
            "Anmeldeseite",
            "Suchmaschine",
            "Drucker",
            "Testumgebung",
            "Zahlungsstelle",
        ),
        (
            ("Die {thing} lauscht auf dem Port {value}.", "welchen Port hat die {thing}"),
            ("Die {thing} steht im Maschinenraum {value}.", "in welchem Maschinenraum steht die {thing}"),
            ("Die {thing} wird jede Nacht um {value} neu gestartet.", "wann startet die {thing} neu in der Nacht"),
            ("Die {thing} wird von {value} gepflegt.", "wer pflegt die {thing}"),
            ("Der Kennworthinweis der {thing} ist {value}.", "Hinweis auf das Kennwort der {thing}"),
        ),
    ),
    Tongue(
        "Arabic",
        (
            "قاعدة البيانات",
            "خادم البريد",
            "النسخة الاحتياطية",
            "صفحة الدخول",
            "محرك البحث",
            "الطابعة",
            "بيئة الاختبار",
            "بوابة الدفع",
        ),
        (
            ("{thing} تستمع على المنفذ {value}.", "ما هو منفذ {thing}"),
            ("{thing} موجودة في غرفة الأجهزة {value}.", "في أي غرفة أجهزة {thing}"),
            ("{thing} يعاد تشغيلها كل ليلة في {value}.", "متى يعاد تشغيل {thing}"),
            ("المسؤول عن {thing} هو {value}.", "من مسؤول عن {thing}"),
            ("تلميح كلمة المرور ل {thing} هو {value}.", "تلميح كلمة مرور {thing}"),
        ),
    ),
)
_NAMES = (
    "nginx{n}",
    "redis{n}db",
    "user_id_{n}",
    "K{n}s",
    "getUser{n}Info",
    "v1.2.{n}",
    "10.0.0.{n}",
    "E12{n}",
    "api-gateway-{n}",
    "{n}f2a9bc1d4e5",
)
_AROUND = ("重启{name}服务后生效", "请检查{name}的配置", "昨天升级了{name}并回滚", "把{name}迁移到新机房")
_AROUND_JAPANESE = (
    "再起動後に{name}が有効",
    "設定の{name}を確認",
    "昨日{name}を更新した",
    "新しい機械室へ{name}を移す",
)


def glued() -> Iterator[tuple[str, str]]:
    """Give texts that have an identifier between characters without a space, each its own, and the identifier."""
    for number, around in enumerate((*_AROUND, *_AROUND_JAPANESE), 11):
        for name in _NAMES:
            own = name.format(n=number)
            yield around.format(name=own), own
