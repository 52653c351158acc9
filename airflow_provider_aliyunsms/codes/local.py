# SPDX-License-Identifier: Apache-2.0
"""List the codes of this package itself, each with its meaning and advice in English and Chinese."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from airflow_provider_aliyunsms.codes.model import CodeClass, CodeInfo


class LocalCode(StrEnum):
    """A code of this package, in a receipt, an error or the ledger."""

    INVALID_NUMBER = "local.INVALID_NUMBER"
    MISSING_NUMBER = "local.MISSING_NUMBER"
    MISSING_SIGNATURE = "local.MISSING_SIGNATURE"
    VARIABLE_TOO_LONG = "local.VARIABLE_TOO_LONG"
    EMPTY_VARIABLE = "local.EMPTY_VARIABLE"
    INVALID_VARIABLE = "local.INVALID_VARIABLE"
    REFUSED_REGION = "local.REFUSED_REGION"
    MISSING_VARIABLE = "local.MISSING_VARIABLE"
    MISSING_MESSAGE = "local.MISSING_MESSAGE"
    MESSAGE_TOO_LONG = "local.MESSAGE_TOO_LONG"
    INVALID_MESSAGE = "local.INVALID_MESSAGE"
    INVALID_SIGNATURE = "local.INVALID_SIGNATURE"
    INVALID_EXTEND_CODE = "local.INVALID_EXTEND_CODE"
    DUPLICATE = "local.DUPLICATE"
    DRY_RUN = "local.DRY_RUN"
    EMPTY_AUDIENCE = "local.EMPTY_AUDIENCE"
    DISK = "local.DISK"
    QUIET_HOURS = "local.QUIET_HOURS"
    NO_COMMON_HOURS = "local.NO_COMMON_HOURS"
    NO_ANSWER = "local.NO_ANSWER"
    NO_EVIDENCE = "local.NO_EVIDENCE"
    MAPPING_UNKNOWN = "local.MAPPING_UNKNOWN"
    PROVED_NOT_SENT = "local.PROVED_NOT_SENT"
    NOT_STARTED = "local.NOT_STARTED"
    CONTENT_CHANGED = "local.CONTENT_CHANGED"
    NOT_IN_AUDIENCE = "local.NOT_IN_AUDIENCE"
    NOT_IN_SAMPLE = "local.NOT_IN_SAMPLE"
    WAITS_FOR_CANARY = "local.WAITS_FOR_CANARY"
    FREQUENCY_CAP = "local.FREQUENCY_CAP"
    OTHER_CODE = "local.OTHER_CODE"
    SUPPRESSED = "local.SUPPRESSED"
    HOLDOUT = "local.HOLDOUT"


MOST_CODES: Final = 500
"""Different codes that are told apart in the counts of one campaign; more would only fill memory and XCom."""

_RETRY: Final = "Let the task retry: it looks for evidence again and sends nothing twice."
_RETRY_ZH: Final = "让任务重试：它会再次查证，不会重复发送。"
_CONSOLE: Final = "Look the number up in the SMS console; resend_unknown=True sends to it again."
_CONSOLE_ZH: Final = "请在短信控制台查询该号码；resend_unknown=True 会再次发送。"
_NUMBER: Final = "Correct the number in the source of the audience."
_NUMBER_ZH: Final = "请在名单来源中更正该号码。"
_VARIABLES: Final = "Correct the value in the source, or give a default in template_param."
_VARIABLES_ZH: Final = "请在名单来源中更正该值，或在 template_param 中给出默认值。"
_TEXT: Final = "Correct the text of the row, or of the task."
_TEXT_ZH: Final = "请更正该行或任务的短信内容。"

LOCAL_CODES: Final[tuple[CodeInfo, ...]] = (
    CodeInfo(
        LocalCode.INVALID_NUMBER.value,
        CodeClass.RECIPIENT,
        "The phone number is not one this API can reach.",
        _NUMBER,
        "手机号码无效，或该接口无法送达此号码。",
        _NUMBER_ZH,
    ),
    CodeInfo(
        LocalCode.MISSING_NUMBER.value,
        CodeClass.RECIPIENT,
        "The row has no phone number.",
        _NUMBER,
        "该行没有手机号码。",
        _NUMBER_ZH,
    ),
    CodeInfo(
        LocalCode.REFUSED_REGION.value,
        CodeClass.RECIPIENT,
        "The number belongs to a region this task does not send to.",
        "Mainland China: send with AliyunSendBatchSmsOperator. Elsewhere: see refused_regions.",
        "该号码所属的国家或地区不在本任务的发送范围内。",
        "中国内地号码请使用 AliyunSendBatchSmsOperator；其他地区见 refused_regions。",
    ),
    CodeInfo(
        LocalCode.MISSING_SIGNATURE.value,
        CodeClass.REQUEST,
        "Neither the row nor the task nor the connection names a signature.",
        "Set sign_name for the row, the task or the connection.",
        "该行、任务和连接均未指定短信签名。",
        "请在该行、任务或连接中设置 sign_name。",
    ),
    CodeInfo(
        LocalCode.INVALID_SIGNATURE.value,
        CodeClass.REQUEST,
        "The signature is not a string of valid characters.",
        "Write the approved signature as text, without brackets.",
        "短信签名不是由有效字符组成的文本。",
        "请填写已审核的签名文本，不带括号。",
    ),
    CodeInfo(
        LocalCode.INVALID_EXTEND_CODE.value,
        CodeClass.REQUEST,
        "The extension code for replies is not made of digits.",
        "Write digits only, or leave it out.",
        "上行短信扩展码只能由数字组成。",
        "只填写数字，或留空。",
    ),
    CodeInfo(
        LocalCode.VARIABLE_TOO_LONG.value,
        CodeClass.CONTENT,
        "A template variable is longer than the API allows.",
        _VARIABLES,
        "模板变量的长度超过接口上限。",
        _VARIABLES_ZH,
    ),
    CodeInfo(
        LocalCode.EMPTY_VARIABLE.value,
        CodeClass.CONTENT,
        "A template variable is empty and has no default.",
        _VARIABLES,
        "模板变量为空，且没有默认值。",
        _VARIABLES_ZH,
    ),
    CodeInfo(
        LocalCode.INVALID_VARIABLE.value,
        CodeClass.CONTENT,
        "A template variable is not a plain value that can be written as text.",
        _VARIABLES,
        "模板变量不是可以转换为文本的简单值。",
        _VARIABLES_ZH,
    ),
    CodeInfo(
        LocalCode.MISSING_VARIABLE.value,
        CodeClass.CONTENT,
        "A placeholder of the text has no value.",
        _VARIABLES,
        "短信内容中的占位符没有对应的值。",
        _VARIABLES_ZH,
    ),
    CodeInfo(
        LocalCode.MISSING_MESSAGE.value,
        CodeClass.CONTENT,
        "There is no text to send.",
        "Give message to the row or the task.",
        "没有可发送的短信内容。",
        "请为该行或任务填写 message。",
    ),
    CodeInfo(
        LocalCode.MESSAGE_TOO_LONG.value,
        CodeClass.CONTENT,
        "The text is longer than 1500 characters.",
        _TEXT,
        "短信内容超过 1500 个字符。",
        _TEXT_ZH,
    ),
    CodeInfo(
        LocalCode.INVALID_MESSAGE.value,
        CodeClass.CONTENT,
        "The text is not a string of valid characters.",
        _TEXT,
        "短信内容不是由有效字符组成的文本。",
        _TEXT_ZH,
    ),
    CodeInfo(
        LocalCode.DUPLICATE.value,
        CodeClass.RECIPIENT,
        "An earlier row is the same recipient, so this one was skipped.",
        'Nothing to do. dedupe="content" keeps rows apart whose variables differ.',
        "前面已有相同的收信人，该行已跳过。",
        '无需处理。dedupe="content" 会保留变量不同的行。',
    ),
    CodeInfo(
        LocalCode.DRY_RUN.value,
        CodeClass.REQUEST,
        "dry_run was set: everything was done but the sending.",
        "Run it without dry_run to send.",
        "设置了 dry_run：除发送以外的步骤均已完成。",
        "去掉 dry_run 即可发送。",
    ),
    CodeInfo(
        LocalCode.EMPTY_AUDIENCE.value,
        CodeClass.REQUEST,
        "The audience has no rows.",
        'The task is skipped; on_empty="fail" makes it fail instead.',
        "名单中没有任何行。",
        '任务被跳过；on_empty="fail" 时则以失败结束。',
    ),
    CodeInfo(
        LocalCode.DISK.value,
        CodeClass.REQUEST,
        "This worker's disk has no room for the working copy of the audience; nothing was sent.",
        "Free space in its temporary directory, or name another one with TMPDIR.",
        "本机磁盘空间不足以存放名单的工作副本；未发送任何短信。",
        "请清理临时目录，或用 TMPDIR 指定其他目录。",
    ),
    CodeInfo(
        LocalCode.QUIET_HOURS.value,
        CodeClass.RECIPIENT,
        "It is outside the hours in which this number may be sent to, so it was held back until they begin.",
        "Nothing to do: the task waits for those hours and sends then.",
        "当前不在该号码允许发送的时段内，因此暂缓发送。",
        "无需处理：任务会等到允许的时段再发送。",
    ),
    CodeInfo(
        LocalCode.NO_COMMON_HOURS.value,
        CodeClass.RECIPIENT,
        "Nobody can tell when this number may be sent to: its time zone is not known, or its zones share no hours.",
        "Name one time zone in QuietHours, or send to such numbers in a campaign of their own.",
        "无法判断该号码何时可以发送：时区未知，或其各时区没有共同的允许时段。",
        "请在 QuietHours 中指定一个时区，或将此类号码单独作为一个批次发送。",
    ),
    CodeInfo(
        LocalCode.NO_ANSWER.value,
        CodeClass.AMBIGUOUS,
        "The call had no clear answer yet, or the task died before it came.",
        _RETRY,
        "该次调用尚无明确应答，或任务在应答之前中断。",
        _RETRY_ZH,
    ),
    CodeInfo(
        "AmbiguousOutcomeError",
        CodeClass.AMBIGUOUS,
        "The connection broke, timed out or gave an unreadable answer after the request may have left.",
        _RETRY,
        "请求可能已经发出，之后连接中断、超时或应答无法读取。",
        _RETRY_ZH,
    ),
    CodeInfo(
        LocalCode.NO_EVIDENCE.value,
        CodeClass.AMBIGUOUS,
        "No evidence can tell any more whether the message was accepted; it is not sent again by itself.",
        _CONSOLE,
        "已无法查证该短信是否被受理；不会自动再次发送。",
        _CONSOLE_ZH,
    ),
    CodeInfo(
        LocalCode.MAPPING_UNKNOWN.value,
        CodeClass.AMBIGUOUS,
        "The gateway accepted the call, but its lists contradict each other, so nobody can say which number failed.",
        "Look the number up in the SMS console; it is not sent again, not even with resend_unknown.",
        "网关受理了请求，但返回的列表互相矛盾，无法判断哪个号码失败。",
        "请在短信控制台查询该号码；即使设置 resend_unknown 也不会再次发送。",
    ),
    CodeInfo(
        "FailedList",
        CodeClass.RECIPIENT,
        "The gateway took the call and named this number as failed.",
        _NUMBER,
        "网关受理了请求，但将此号码列为失败。",
        _NUMBER_ZH,
    ),
    CodeInfo(
        LocalCode.CONTENT_CHANGED.value,
        CodeClass.RECIPIENT,
        "This number was sent to in this campaign under another content, so it got nothing more.",
        "Nothing to do where one message a number is meant. Another campaign_id, or resend=True, sends again.",
        "该号码在同一批次中已按另一内容发送过，因此没有再次发送。",
        "如果每个号码只应收到一条短信，则无需处理。如需再次发送，请使用其他 campaign_id 或 resend=True。",
    ),
    CodeInfo(
        LocalCode.NOT_IN_AUDIENCE.value,
        CodeClass.RECIPIENT,
        "An earlier try meant to send to this recipient, did not, and the audience does not hold it any more.",
        "Nothing to do, or put it back into the audience.",
        "之前的尝试计划发送给该收信人但并未发送，现在名单中已没有此人。",
        "无需处理；如需发送，请将其放回名单。",
    ),
    CodeInfo(
        LocalCode.FREQUENCY_CAP.value,
        CodeClass.RECIPIENT,
        "All campaigns together have sent this number as many messages as a FrequencyCap allows, so it got no more.",
        "Nothing to do; another campaign can send to it when the period of the cap is over.",
        "所有批次向该号码发送的短信已达到 FrequencyCap 允许的次数，因此没有发送。",
        "无需处理；频次限制的周期结束后，其他批次可以向该号码发送。",
    ),
    CodeInfo(
        LocalCode.SUPPRESSED.value,
        CodeClass.RECIPIENT,
        "The number is on a list of numbers never to send to, so it got nothing.",
        "Nothing to do. Who is on it by mistake has to be taken off the list that Suppress reads.",
        "该号码在不发送名单（Suppress）中，例如已退订，因此没有发送。",
        "无需处理。如系误列，请从 Suppress 所读取的名单中移除。",
    ),
    CodeInfo(
        LocalCode.HOLDOUT.value,
        CodeClass.RECIPIENT,
        "The number is in a group of the split that gets no message, so that the others can be compared with it.",
        "Nothing to do.",
        "该号码属于分组中不发送短信的对照组，用于与其他组比较。",
        "无需处理。",
    ),
    CodeInfo(
        LocalCode.PROVED_NOT_SENT.value,
        CodeClass.RETRY,
        "Evidence showed that the call had not been accepted; only the ledger holds this.",
        "Nothing to do: its recipients are sent to in a new call.",
        "查证表明该次调用未被受理；仅出现在账本中。",
        "无需处理：这些收信人会在新的调用中发送。",
    ),
    CodeInfo(
        LocalCode.NOT_STARTED.value,
        CodeClass.RETRY,
        "Sending stopped before the call was made; only the ledger holds this.",
        "Nothing to do: a retry sends to its recipients.",
        "在调用之前发送已停止；仅出现在账本中。",
        "无需处理：重试时会发送给这些收信人。",
    ),
    CodeInfo(
        LocalCode.NOT_IN_SAMPLE.value,
        CodeClass.RETRY,
        "This task sends to a sample only, and the number is not in it.",
        "Nothing to do: the task with the same campaign_id and ledger_path and without Sample sends to it.",
        "本任务只发送给样本，该号码不在样本中。",
        "无需处理：campaign_id 和 ledger_path 相同、且没有 Sample 的任务会发送给该号码。",
    ),
    CodeInfo(
        LocalCode.WAITS_FOR_CANARY.value,
        CodeClass.RETRY,
        "The message waits until the delivery of a sample is known.",
        "Nothing to do: the task goes on by itself, or fails with the reason.",
        "该短信正在等待样本的送达结果。",
        "无需处理：任务会自动继续，或说明原因后失败。",
    ),
    CodeInfo(
        "ConnectionNotMadeError",
        CodeClass.RETRY,
        "The gateway could not be reached; nothing left this machine.",
        "Check the network and the connection's endpoint, then let the task retry.",
        "无法连接网关，请求没有发出。",
        "请检查网络和连接中的地址，然后让任务重试。",
    ),
    CodeInfo(
        "AnswerTooLarge",
        CodeClass.AMBIGUOUS,
        "The response is larger than this package reads; the request left this machine.",
        _RETRY,
        "响应超过本程序读取的上限；请求已经发出。",
        _RETRY_ZH,
    ),
    CodeInfo(
        "ReadTimeout",
        CodeClass.AMBIGUOUS,
        "No complete response came within the read timeout; the request left this machine.",
        _RETRY,
        "在读取超时内没有收到完整响应；请求已经发出。",
        _RETRY_ZH,
    ),
    CodeInfo(
        "TruncatedAnswer",
        CodeClass.AMBIGUOUS,
        "The response broke off or could not be decoded; the request left this machine.",
        _RETRY,
        "响应中断或无法解码；请求已经发出。",
        _RETRY_ZH,
    ),
    CodeInfo(
        "ConnectionLost",
        CodeClass.AMBIGUOUS,
        "The connection was lost after the request had left this machine.",
        _RETRY,
        "请求发出之后连接中断。",
        _RETRY_ZH,
    ),
    CodeInfo(
        "NoAnswer",
        CodeClass.AMBIGUOUS,
        "No response could be read; the request left this machine.",
        _RETRY,
        "没有读到响应；请求已经发出。",
        _RETRY_ZH,
    ),
    CodeInfo(
        "UnreadableAnswer",
        CodeClass.AMBIGUOUS,
        "The response cannot be read, or has no code; it may be a proxy's error page.",
        _RETRY,
        "响应无法读取或没有代码，可能是代理的错误页面。",
        _RETRY_ZH,
    ),
    CodeInfo(
        "NameNotResolved",
        CodeClass.RETRY,
        "The host name of the endpoint cannot be resolved; nothing left this machine.",
        "Check the endpoint of the connection and this worker's DNS.",
        "无法解析 endpoint 的主机名；请求没有发出。",
        "请检查连接的 endpoint 和 worker 的 DNS。",
    ),
    CodeInfo(
        "ProxyFailed",
        CodeClass.RETRY,
        "The proxy did not open a way to the endpoint; nothing reached the gateway.",
        "Check HTTPS_PROXY and NO_PROXY of this worker.",
        "代理没有建立到 endpoint 的连接；请求没有到达网关。",
        "请检查 worker 的 HTTPS_PROXY 和 NO_PROXY。",
    ),
    CodeInfo(
        "ConnectionRefused",
        CodeClass.RETRY,
        "The connection was refused; nothing left this machine.",
        "Check the endpoint of the connection and the firewall.",
        "连接被拒绝；请求没有发出。",
        "请检查连接的 endpoint 和防火墙。",
    ),
    CodeInfo(
        "ConnectTimeout",
        CodeClass.RETRY,
        "No connection came about within the connect timeout; nothing left this machine.",
        "Check the network, or raise connect_timeout of the connection.",
        "在连接超时内未能建立连接；请求没有发出。",
        "请检查网络，或调大连接的 connect_timeout。",
    ),
    CodeInfo(
        "TlsFailed",
        CodeClass.RETRY,
        "The TLS handshake failed; nothing left this machine.",
        "Check the endpoint, the trusted certificates and any proxy that breaks TLS open.",
        "TLS 握手失败；请求没有发出。",
        "请检查 endpoint、受信任的证书以及会解密 TLS 的代理。",
    ),
    CodeInfo(
        "ConnectionFailed",
        CodeClass.RETRY,
        "No connection could be made; nothing left this machine.",
        "Check the endpoint of the connection and this worker's network.",
        "无法建立连接；请求没有发出。",
        "请检查连接的 endpoint 和 worker 的网络。",
    ),
    CodeInfo(
        LocalCode.OTHER_CODE.value,
        CodeClass.AMBIGUOUS,
        "One of many codes: the gateway gave more than 500 different ones, and the rest is counted together.",
        "Look the number up in the SMS console.",
        "网关返回了 500 个以上的不同代码，其余代码合并统计。",
        "请在短信控制台查询该号码。",
    ),
    CodeInfo(
        "PENDING",
        CodeClass.DELIVERY_PENDING,
        "The carrier has not reported yet.",
        "Wait; a receipt can take hours, and some never come.",
        "运营商尚未返回回执。",
        "请等待；回执可能需要数小时，有的不会返回。",
    ),
    CodeInfo(
        "NO_RECORD",
        CodeClass.DELIVERY_PENDING,
        "The gateway has no record of the message yet.",
        "Wait; records appear late.",
        "网关尚无该短信的记录。",
        "请等待，记录会延迟出现。",
    ),
    CodeInfo(
        "NO_MESSAGE_ID",
        CodeClass.DELIVERY_PENDING,
        "The gateway accepted the message without giving it an id, so nobody can ask for its fate.",
        "Look the number up in the SMS console.",
        "网关受理了短信但未返回 ID，无法查询其结果。",
        "请在短信控制台查询该号码。",
    ),
    CodeInfo(
        "FAILED",
        CodeClass.DELIVERY_FAILED,
        "The carrier could not deliver the message and gave no reason.",
        "Check the number, then send again if it matters.",
        "运营商未能送达，且没有给出原因。",
        "请检查该号码，如有必要再次发送。",
    ),
)
"""
All codes of this package.

The few that do not start with ``local.`` stand in receipts and delivery counts, beside the codes of the API.
"""
