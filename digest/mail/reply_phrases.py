"""Phrases of mail servers, by the reason that they give. Pure.

To teach a wording: add a phrase to its reason, and a line to `tests/unit/mail/test_reply_phrases.py`. Phrases are
regular expressions, matched anywhere in a reply on one line, in any case. The first reason that matches counts, so what
excuses the recipient stands before what accuses them. Addresses are masked as <@> before.
"""

from digest.mail.reply_rules import UNKNOWN_MAILBOX

_USER = r"(?:user|recipient|addressee|mailbox|account|address|alias|destination|destinataire)"
_GAP = r"(?: \S{1,99}){0,2} "
_PERIOD = r"(?:hour|day|week|month|24 ?h)"
_USER_ES = r"(?:usuario|destinatario|buz[oó]n|cuenta|direcci[oó]n)"
_USER_PT = r"(?:usu[aá]rio|destinat[aá]rio|caixa|endereço|conta)"
_USER_IT = r"(?:utente|destinatario|casella|indirizzo)"
_USER_NL = r"(?:gebruiker|geadresseerde|ontvanger|adres|postvak)"
_USER_SCANDINAVIAN = r"(?:användare|mottagare|adresse|bruker|mottaker|bruger|modtager)\w*"
PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "mailbox busy",  # Gmail, Yahoo, Exchange Online
        (r"receiving mail (?:too quickly|at a rate)|exceeding receiving limits|recipientthreadlimit",),
    ),
    (
        "on a suppression list",  # Amazon SES, SendGrid, Postmark, Mailgun
        (r"suppression list|inactive ?recipient|(?:previously|not delivering to previously) (?:bounced|unsubscribed)",),
    ),
    (
        "mailbox restricted",  # Exchange, AOL, Facebook, Mimecast
        (
            r"resolver\.rst\.|senderauthenticationrequired|notauthenticatedfor(?:mailbox|group)|restricted recipient",
            r"only accept\w* (?:mail|messages|e-?mails?) from|recipient's list of senders|recipient preferences",
            r"blocked by the recipient|due to user rules|refuses? to (?:accept|receive) (?:your |this )?mail",
            r"user reject|members-only|closed mailing list|not subscribed to this group",
        ),
    ),
    (
        "quota used up",
        (
            # cPanel, Plesk, OVH, Outlook.com, Gmail, Amazon SES
            rf"max(?:imum)? (?:defers|e-?mails|messages)\D{{0,24}} (?:per|an?) {_PERIOD}",
            rf"(?:e-?mails?|messages?|recipients?|limit|quota)(?: \w+){{0,3}} (?:per|an?|each|every) {_PERIOD}\b",
            r"(?:daily|hourly|weekly|monthly) (?:\w+ ){0,4}(?:limit|quota|allowance|maximum)",
            r"(?:sending|sender|outgoing|outbound|smtp|relay) (?:limit|quota)|message quota exceeded",
            r"(?:exceeded|reached|over) your (?:\w+ ){0,4}(?:quota|limit|allowance)",
            # SendGrid, Mailgun, Postmark; NetEase
            r"(?:maximum|out of|insufficient|no) credits|exceeded (?:its|the) plan|plan limit|(?:trial|free) limit",
            r"\bmi:(?:stc|smc|dmc)\b|\brp:(?:qrc|qmc|drc|trc)\b",
            # German, French, Spanish, Italian, Russian, Chinese
            r"(?:tages|stunden|versand)(?:limit|kontingent)|(?:limite|quota) (?:d.envoi|quotidienne|journali|horaire)",
            r"l[ií]mite (?:diario|de env[ií]o|por hora)|limite (?:giornaliero|di invio|orario)",
            r"превышен\w* (?:\w+ )?(?:лимит|квот)|超过.{0,8}(?:限额|限制|上限)|发信(?:限额|超限)",
        ),
    ),
    (
        "mailbox full",
        (
            r"(?:mail ?)?(?:box|folder) (?:is |has been )?(?:over )?(?:full|quota)|full mailbox|mailbox exceed",
            r"over ?-?(?:disk |the |the allowed )?quota|quota ?(?:has been |was |is )?(?:exceeded|full|violation)",
            r"disk ?quota",
            r"exceed\w* (?:\w+ ){0,3}(?:quota|allowed size|storage|disk space)|insufficient storage",
            r"not (?:enough|sufficient) (?:storage|space|disk)|out of (?:storage|disk|space)|space has been used up",
            r"mailbox size limit|no space left on device|would exceed maximum|too many messages on the server",
            # German, French, Spanish, Portuguese, Italian, Dutch, Polish, Russian, Scandinavian, Turkish
            r"postfach (?:\S+ )?(?:ist )?(?:voll|überfüllt)|bo[iî]te (?:\S+ ){0,3}(?:est )?pleine",
            r"buz[oó]n (?:est[aá] )?lleno|cuota (?:excedida|superada)",
            r"caixa (?:\S+ ){0,2}(?:est[aá] )?(?:cheia|lotada)",
            r"casella (?:\S+ )?(?:è )?piena|(?:mailbox|postvak) (?:is |zit )?vol\b",
            r"skrzynka (?:\S+ )?(?:jest )?(?:pełna|przepełn)",
            r"ящик (?:\S+ )?переполнен|переполнен\w* ящик|(?:postkassen?|innboksen|inkorgen|brevlådan) (?:är|er) full",
            r"kutusu (?:\S+ )?dolu",
            # Japanese, Chinese, Korean
            r"容量(?:オーバー|超過|不足)|(?:邮箱|信箱|空间|容量).{0,4}(?:已满|不足|已滿)|용량.{0,4}초과",
        ),
    ),
    (
        "sender not verified",
        (
            # Exim; Amazon SES; SendGrid; Postmark; Mailgun
            r"sender verif\w+ (?:fail|error)|verification failed for|could not (?:verify|complete) sender",
            r"(?:address|identit\w+|domain|sender)(?: \S{1,99})? (?:is|are|has)(?: not|n.t)(?: been)? verified",
            r"failed the check in region|verified sender identity|not a verified|sender signature",
            r"unverified (?:sender|domain)",
            r"sandbox (?:sub)?domain|authorized recipients|test purposes only",
            r"from domain (?:is )?not (?:allowed|registered)",
        ),
    ),
    (
        "account suspended",  # Amazon SES, SendGrid, Mailgun, Brevo, Exchange Online
        (
            r"(?:your|sending|sender|smtp|tenant)(?: \w+){0,4} (?:suspended|paused)",
            r"your (?:\w+ ){0,2}(?:account|domain) (?:is |has been |was )(?:\w+ )?(?:disabled|blocked|locked|limited)",
            r"under review|on probation|bad outbound sender",
            r"not (?:yet )?(?:activated|enabled) (?:for|to) (?:send|smtp)",
            r"account not subscribed to ses|blocked from sending",
        ),
    ),
    (
        "login refused",
        (
            # Gmail, Exchange Online, Exim, Dovecot, Mimecast
            r"username and password not accepted|application-specific password|(?:with|through|via) your web browser",
            r"smtpclientauthentication is disabled|basic authentication is disabled|authentication unsuccessful",
            r"incorrect authentication data|authentication credentials invalid",
            r"(?:invalid|bad|wrong) (?:login|user ?name|password)",
            r"authentication failed|login fail|failed to authenticate|logins? (?:is |are )?disabled",
            # QQ, NetEase
            r"授权码|用户名或密码|登录失败",
        ),
    ),
    (
        "not logged in",
        (
            # cPanel, Exchange, Postfix, MailEnable, NetEase
            r"not logged in|(?:log|sign) ?in (?:first|to the|before)",
            r"smtp auth\w* (?:is )?(?:required|turned on|needed)",
            r"must (?:first )?(?:be )?(?:authenticat|log|issue a starttls)",
            r"(?:without|requires?|turn on)(?: smtp)? authentication",
            r"(?:client|sender|session|user) (?:was|is) not (?:yet )?authenticated|not authenticated to send",
            r"authentication (?:is )?needed",
            r"(?:please|need to|you must|don.t) authenticate|pop[ -]before[ -]smtp|check your mail (?:first|before)",
            r"authenticate first",
            # German, French, Spanish, Italian, Russian, Chinese, Japanese
            r"(?:nicht angemeldet|anmeldung erforderlich)|authentification (?:requise|n[ée]cessaire)|identifiez-vous",
            r"autenticaci[oó]n requerida|requiere autenticaci|autenticazione (?:richiesta|necessaria)",
            r"требуется (?:авторизация|аутентификация)|需要(?:身份)?(?:验证|认证)|認証が必要|인증이 필요",
        ),
    ),
    (
        "too many at once",
        (
            # Gmail, Yahoo, Outlook.com: slow down, whatever they say of spam besides
            r"unusual rate|unexpected volume|excessive volume|rate ?-?limit(?!ed because)|\brp-00[123]\b|\[tss?\d\d",
            # Amazon SES, Postfix, Exim, Sendmail, Exchange, NetEase, QQ, Mimecast, Spectrum
            r"throttl|(?:sending|submission|message|connection|maximum|max|delivery) rate",
            r"exceed\w* (?:\w+ ){0,4}rate\b",
            r"too (?:fast|quickly|frequent|often)|slow(?:er)? down|again slower|frequency (?:limit|is limit|exceed)",
            r"too (?:many|much) (?:\w+ )?(?:recipients|connections?|messages|mails?|e-?mails)",
            r"too (?:many|much) (?:\w+ )?(?:sessions|login attempts|commands)",
            r"too many (?:concurrent|simultaneous|errors|smtp)|(?:connection|concurrency|thread|session) limit",
            r"(?:max(?:imum)?|limit)(?: number)?(?: of)? messages? (?:per|for this) (?:connection|session)",
            r"numerous attempts",
            r"(?:server|system) (?:is )?(?:too )?busy|message threshold exceeded",
            # French, German, Spanish, Portuguese, Italian, Russian, Chinese, Japanese
            r"trop de (?:connexions|messages|destinataires)",
            r"zu viele (?:verbindungen|nachrichten|empfänger|mails|e-mails)",
            r"demasiad[oa]s (?:conexiones|mensajes|destinatarios)|muit[oa]s (?:conex|mensag)",
            r"tropp[ieo] (?:connession|messagg|destinatar)",
            r"слишком (?:много|часто)|(?:频率|頻率).{0,6}(?:限|过|過)|过于频繁|连接数|接続数",
        ),
    ),
    (
        "not authenticated",
        (
            r"\bdmarc\b|\bspf\b|\bdkim\b|sender policy framework|unauthenticated",
            r"authentication (?:check|fail|requir)|sender id\b|purported responsible",
        ),
    ),
    (
        "no reverse name",
        (
            r"reverse (?:dns|name|lookup|host)|\brdns\b|\bptr\b|ip name lookup failed|unverif\w+ sending ip",
            r"cannot find your (?:reverse )?host|valid sender domain|helo command rejected",
            r"(?:bad|invalid|empty) (?:helo|ehlo)",
            r"fully-qualified host|helo/ehlo argument|unresolvable relay host|generic (?:dns|rdns)|dynamic ip",
        ),
    ),
    (
        "relaying refused",
        (
            # Exim, Postfix, Sendmail, qmail, IIS, Exchange, Workspace, hMailServer
            r"relay(?:ing)?(?: \S{1,99}){0,2} (?:access )?(?:is )?(?:denied|prohibited|refused|disabled|rejected)",
            r"relay(?:ing)?(?: \S{1,99})? (?:is )?not (?:allowed|permitted|possible|supported)",
            r"smtp server of your isp",
            r"(?:unable|not configured|cannot|refus\w+|not permitted|not allowed|not authorized) to relay",
            r"open (?:mail )?relay",
            r"(?:do not|don.t|will not|won.t|no) relay|not (?:an? )?(?:open )?relay\b|as a relay|insecure mail relay",
            r"rcpthosts?\b",
            r"(?:do not|don.t) handle mail for|not a gateway|relaying mail to|tenantattribution|credentials for relay",
            r"send e-?mail directly to our servers|not (?:a )?local (?:host|domain)|delivery to this domain is not",
            # German, French, Spanish, Italian, Russian, Chinese
            r"weiterleitung (?:nicht|verweigert)|relais (?:refus|interdit|non)|no se permite (?:la )?retransmi",
            r"relay non (?:consentit|permess|autorizz)|(?:пересылка|релей|relay) (?:\w+ )?запрещ",
            r"(?:不允许|拒绝|禁止)(?:中继|转发)",
        ),
    ),
    (
        "taken for spam",
        (
            r"\bspam(?:my|ming|mer|assassin)?\b|unsolicited|bulk mail|blacklisted url|virus|malware|phish|\buribl\b",
            r"\bsurbl\b",
            r"mail rejete|potential\w* (?:security|danger)|content (?:filter|denied)|mail content|suspicious",
            r"message filtered|banned content|mass mailer|antispam|anti-spam",
            # French, German, Spanish, Russian, Chinese, Japanese
            r"ind[ée]sirable|spamverdacht|no deseado|спам|垃圾|スパム|迷惑メール",
        ),
    ),
    (
        "blocked",
        (
            r"black ?-?list|block(?:ed)? ?-?list|deny ?-?list|\bdnsbl\b|\brbl\b|spamhaus|spamcop|barracuda|sorbs",
            r"abuseat",
            r"uceprotect|senderscore|senderbase|csi\.cloudmark|banned send|\breputation\b",
            r"(?<!not )\blisted (?:in|at|on|by|as)\b",
            r"blocked (?:using|by|for|ip|due)|has been blocked|client host rejected|user complaints|service refuse",
            r"(?:ip|host|server|network|address)(?: \S{1,99}){0,3} (?:is |was |are )(?:\w+ )?(?:blocked|banned|denied)",
            r"your (?:ip|host|server|network|domain)(?: \S{1,99}){0,3} (?:blocked|banned|rejected|refused|denied)",
            r"bad sender ip",
            r"(?:connections?|mail|messages) (?:not |will not be |is not )accepted from",
            r"not (?:currently )?accept\w* mail from your",
            r"ask your postmaster for help or to contact",  # T-Online, with the list in brackets
            r"host network not allowed|you are not allowed to connect|no access from mail server|open proxy",
            # German, French, Spanish, Russian, Chinese
            r"ip-?adresse (?:\S+ ){0,3}(?:gesperrt|blockiert)|adresse ip (?:\S+ ){0,3}(?:bloqu|refus)",
            r"direcci[oó]n ip (?:\S+ ){0,3}bloquead|(?:ip|адрес) (?:\S+ ){0,3}(?:заблокирован|в черном списке)|黑名单",
            r"黑名單",
        ),
    ),
    (
        "sender refused",
        (
            # Postfix, Exim, Exchange, Sendmail, Mimecast, NetEase, QQ, Yandex, Mail.ru
            r"sender address|sender (?:is |was )?(?:rejected|denied|refused|blocked|invalid)",
            r"(?:domain|address) of sender",
            r"not owned by (?:auth )?user|sendasdenied|permissions? to send as",
            r"not allowed to send (?:mail )?(?:from|as)",
            r"sender (?:is )?not (?:allowed|permitted|authori[sz]ed|accepted)",
            r"(?:invalid|null|empty|bogus|bad|unroutable) sender",
            r"mail from\W{1,3}\S{1,99} (?:rejected|refused)|mail from must",
            r"from address (?:\S{1,99} )?(?:not|is not|must|does not)",
            r"bogus mail from|from header|rejected envelope|envelope (?:blocked|rejected)",
            r"same as (?:the )?(?:auth|login|smtp)",
            r"not authori[sz]ed to (?:use|send)(?: \w+)? (?:from|as)|from: (?:domain|address)",
            # French, German, Spanish, Italian, Russian, Chinese, Japanese
            r"[ée]metteur (?:invalide|refus|inconnu)|exp[ée]diteur (?:\S+ )?(?:refus|invalide|rejet)",
            r"absender\w* (?:\S+ ){0,2}(?:abgelehnt|ungültig|nicht erlaubt|verweigert)",
            r"remitente (?:\S+ )?(?:rechazad|inv[aá]lid|no permitid)",
            r"mittente (?:\S+ )?(?:rifiutat|non (?:valid|autorizz|consentit))",
            r"отправител\w* (?:\S+ ){0,2}(?:отклон|отверг|не)",
            r"发件人|寄件者|(?:差出人|送信者).{0,8}(?:拒否|不正)",
        ),
    ),
    (
        "takes no mail",
        (
            r"does(?: no|n.)t accept (?:any )?(?:e-?)?mail|null ?mx|accepts no mail|mail receiving disabled",
            r"no mx record found|not accepting any mail|no longer accepts mail",
        ),
    ),
    (
        "moved",
        (
            r"no longer (?:on server|here|valid|active|available|work|employ|with|exists)|has moved",
            r"address has changed",
            r"user not local|has been replaced by|unter dieser adresse nicht mehr|n.est plus (?:valide|utilis)",
        ),
    ),
    (
        "no such domain",
        (
            r"(?:domain|host)(?: name)?(?: \S{1,99})? (?:does ?n[o']t exist|does not exist|unknown|not found)",
            r"nxdomain",
            r"(?:no such|unknown|illegal) (?:domain|host)|unroute?able (?:address|mail domain)",
            r"domain (?:name )?not found",
            r"(?:recipient )?domain must exist|name or service not known|is a dead domain",
            r"domaine (?:inconnu|inexistant)",
            r"dominio (?:inexistente|desconocido|sconosciuto)|домен\w* не (?:существует|найден)",
        ),
    ),
    (
        "mailbox off",
        (
            r"account (?:\w+ ){0,3}(?:disabled(?! or disc)|inactive|suspended|locked|frozen|blocked|archived)",
            r"disabled recipient|archived recipient|inactive (?:user|account|e-?mail|mailbox)|extended inactivity",
            r"(?:mail)?box (?:is )?(?:currently )?(?:frozen|locked|inactive|suspended|disabled)|not been collected",
            r"compte du destinataire est bloqu|bo[iî]te du destinataire archiv",
            r"konto (?:\S+ )?(?:gesperrt|deaktiviert)",
            r"(?:user|recipient)(?: \S{1,99}){0,2} (?:temporar\w+ )?(?:disabled|locked|inactive|suspended|terminated)",
            r"cuenta (?:\S+ )?(?:deshabilitad|bloquead|inactiv)|account (?:\S+ )?(?:disattivat|sospes)",
            r"(?:ящик|аккаунт) (?:\S+ )?(?:заблок|отключ)",
            r"(?:账号|帐号|邮箱).{0,4}(?:停用|冻结|禁用|锁定)",
        ),
    ),
    (
        "no such account",
        (r"doesn.t have an? \S{1,99} account|disabled or discontinued|\bdiscontinued\b|no valid recipients",),
    ),
    (
        UNKNOWN_MAILBOX,
        (
            rf"{_USER}(?: \S{{1,99}})? (?:is |was |name )?(?:unknown|invalid|inconnu)",
            rf"{_USER}(?: \S{{1,99}})? (?:is |was |name )?not (?:found|known|recogni[sz]ed|exist|present|local)",
            rf"(?:unknown|invalid|illegal|no such|bad|incorrect) (?:or illegal |local |final delivery )?{_USER}",
            r"recipient name is not recogni[sz]ed|recip(?:ient)?notfound|badrcptto|validrcptto|badrecipientto",
            r"unknown local",
            r"(?:mailbox|user|account|recipient|address|rcpt) (?:\S{1,99} ){0,2}(?:does ?n.t|does not) exist",
            r"nosuchuser",
            r"(?:tried to reach|no longer|<@>\)?) does not exist|does not exist\.?$|mailbox not allowed",
            r"mailbox name not allowed",
            r"no (?:such )?(?:user|mailbox|person|recipient|address|account)\b|address cannot (?:be written|stand)",
            r"(?:user|recipient|address|account)(?: you \w+)? (?:was|could|can)(?: ?n.t| not|not)(?: be)? found",
            r"not? (?:a )?(?:valid|known|registered|current|local)(?: \w+)? (?:user|recipient|mailbox|address)",
            r"mailbox unavailable",
            r"no one at this address|non-?existent (?:user|mailbox|address)|not listed in|not in (?:the )?directory",
            r"user missing home",
            # German
            rf"(?:empfänger|benutzer|adresse|postfach|konto){_GAP}(?:unbekannt|ungültig|existiert nicht)",
            rf"(?:empfänger|benutzer|adresse|postfach|konto){_GAP}nicht (?:gefunden|bekannt|vorhanden)",
            # French, Spanish, Portuguese, Italian
            rf"(?:utilisateur|destinataire|adresse|bo[iî]te){_GAP}(?:est )?(?:inconnu|invalide|introuvable|inexistant)",
            r"(?:utilisateur|destinataire|adresse|bo[iî]te)(?: \S{1,99}){0,2} n.existe pas",
            rf"{_USER_ES}{_GAP}(?:desconocid|inv[aá]lid|inexistente|no existe|no encontrad)",
            r"no existe (?:dicha|ese|el |la |esta)|nessun utente|nenhum usu[aá]rio",
            rf"{_USER_PT}{_GAP}(?:desconhecid|inexistente|inv[aá]lid|não (?:existe|encontrad))",
            rf"{_USER_IT}{_GAP}(?:è )?(?:sconosciut|inesistente|non (?:esiste|trovat|valid))",
            # Dutch, Polish, Czech, Hungarian, Scandinavian, Finnish, Turkish
            rf"{_USER_NL}{_GAP}(?:is )?(?:onbekend|ongeldig|niet (?:gevonden|bekend)|bestaat niet)",
            rf"(?:użytkownik|adresat|adres|odbiorca|skrzynka|konto){_GAP}(?:jest )?(?:nieznan|nie istnieje|nieprawidł)",
            r"nie ma takiego",
            r"uživatel (?:\S+ )?ne(?:existuje|známý)|ismeretlen (?:címzett|felhasználó)",
            r"kullan\wc\w (?:\S+ )?(?:bulunamad|yok)",
            rf"{_USER_SCANDINAVIAN}{_GAP}(?:är |er )?(?:okänd|ukjent|ukendt)",
            r"(?:finns|hittades) inte|(?:finnes|eksisterer|findes) ikke|(?:käyttäjää|vastaanottajaa) ei",
            # Russian, Chinese, Japanese, Korean
            rf"(?:пользовател|получател|адресат|ящик|адрес)\S*{_GAP}(?:не (?:существует|найден)|неизвест)",
            r"нет такого",
            r"(?:用户|收件人|邮箱|账号|帐号|地址|使用者|收件者).{0,6}(?:不存在|无效|無效|未找到)|找不到(?:该)?(?:用户|收件人)",
            r"見つかりません|存在しません|宛先不明|(?:사용자|수신자|주소).{0,10}(?:없|존재하지)",
        ),
    ),
    (
        "gave up",
        (
            r"expired|timed? ?-?out|timeout|giving up|gave up|multiple retries|failed \d+ attempts|connection refused",
            r"after \S{1,20} (?:attempts|hours?|days?|seconds)|did not accept our requests|not reachable",
            r"no answer from host|could not find a gateway|in the queue too long|lookup (?:failure|error)",
            r"no route to host|host is unreachable",
        ),
    ),
    (
        "too large",
        (
            r"too (?:large|big)|size limit|message size|(?:maximum|exceeds?) (?:\w+ ){0,3}size|zu groß",
            r"trop (?:gros|volumineux)",
            r"demasiado grande|troppo grande|слишком больш|邮件(?:过大|太大)",
        ),
    ),
    (
        "content",
        (
            r"not rfc ?\d+|rfc \d+ compliant|malformed|bare (?:lf|cr)|line (?:is )?too long",
            r"missing (?:a )?(?:valid )?message-id",
            r"header (?:error|are not accepted)|duplicate header|invalid message content|8-?bit",
        ),
    ),
    (
        "greylisted",
        (r"gr[ea]y-?list|postgrey|try again in \d+|first.time sender|recipient temporarily unavailable",),
    ),
    (
        "against a policy",
        (
            r"polic(?:y|ies)|not allowed|access denied|permission to post|groups\.google\.com/support|denied",
            r"forbidden",
            r"not accept\w* (?:mail|messages|connections)|prohibit|administrative",
        ),
    ),
    (
        "fault of a system",
        (
            r"internal (?:system |server )?error|service (?:is )?(?:currently )?(?:not available|unavailable)",
            r"system error|does not support tls|duplicated message-id|mail ?loop|message looping|loop broken",
            r"too many hops",
            r"configuration error|hop count|insufficient (?:disk|system|queue)|disk (?:is )?full",
            r"local (?:error|problem)",
            r"queue file|out of memory|resources|unable to process|misconfigured",
            r"tls (?:is )?(?:currently )?not available",
            r"temporary authentication failure",
        ),
    ),
    ("try later", (r"try (?:again )?later|temporar\w+|on hold|später erneut|plus tard|más tarde|позже|稍后",)),
)
