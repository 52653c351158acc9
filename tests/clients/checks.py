# SPDX-License-Identifier: Apache-2.0
"""
Say what a client is asked to do, and what the simulator must show afterwards.

A check returns what stands in the cell of the page: that it went well, or the error that the client raised where one
is due. It believes the simulator's counts, not the client.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from driver import Account, Answer, ClientFailedError, NoSuchCall, Raised

NUMBER = "13800001234"
NUMBERS = [f"1380000{index:04d}" for index in range(1000, 1100)]
ABROAD = "85251001234"
FAR = [f"8525{index:04d}1234" for index in range(1000)]
TEXTS = {"name": "张三 A+B", "odd": "li*~si/1&=%"}
SHOWN = "【阿里云】SMS_152550005 name: 张三 A+B，odd: li*~si/1&=%"
LABEL = "campaign 1+2:batch~3*/ü"
YES = "yes"


@dataclass(frozen=True)
class Bench:
    """
    A client and the simulator that it talks to, new for each check.

    :param driver: the client.
    :param simulator: the control client.
    :param account: where the client is sent, and as whom.
    """

    driver: object
    simulator: object
    account: Account

    def call(self, action, parameters, **changes):
        """Let the client make one call, with another secret or token if wished."""
        return self.driver.call(replace(self.account, **changes), action, parameters)

    def accepted(self, action, parameters, **changes):
        """Let the client make a call that must be accepted, and return the fields of the answer."""
        made = self.call(action, parameters, **changes)
        if isinstance(made, NoSuchCall):
            raise MissingCallError
        if not isinstance(made, Answer) or made.code != "OK":
            raise ClientFailedError(f"{action}: {made}")
        return made.fields

    def refused(self, action, parameters, *, code, **changes):
        """Let the client make a call that must be refused, and return what it shows of the code."""
        made = self.call(action, parameters, **changes)
        if isinstance(made, NoSuchCall):
            raise MissingCallError
        if isinstance(made, Answer):
            expect(made.code == code, f"{action}: {made}")
            return "an answer with the code"
        expect(code in (made.code, made.name) or code in made.message, f"{action}: {made}: {made.message}")
        return made.shown(code)


class MissingCallError(Exception):
    """The client has no such call."""


def expect(holds, text):
    """Fail the client with a text unless something holds."""
    if not holds:
        raise ClientFailedError(text)


def single(number=NUMBER, **changes):
    """Return the parameters of a good SendSms."""
    texts = json.dumps(TEXTS, ensure_ascii=False)
    return {
        "PhoneNumbers": number,
        "SignName": "阿里云",
        "TemplateCode": "SMS_152550005",
        "TemplateParam": texts,
        "OutId": LABEL,
        **changes,
    }


def send_one(bench):
    bench.accepted("SendSms", single())
    (message,) = bench.simulator.messages()
    expect((message["content"], message["out_id"]) == (SHOWN, LABEL), f"arrived as {message}")
    return YES


def send_hundred(bench):
    count = len(NUMBERS)
    parameters = {
        "PhoneNumberJson": json.dumps(NUMBERS),
        "SignNameJson": json.dumps(["阿里云"] * count, ensure_ascii=False),
        "TemplateCode": "SMS_152550005",
        "TemplateParamJson": json.dumps([TEXTS] * count, ensure_ascii=False),
        "OutId": LABEL,
    }
    bench.accepted("SendBatchSms", parameters)
    expect(bench.simulator.counts() == dict.fromkeys(NUMBERS, 1), "not one message for each")
    expect(bench.simulator.messages(limit=1)[0]["content"] == SHOWN, "another text")
    return YES


def query_details(bench):
    bench.accepted("SendSms", single())
    day = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y%m%d")
    parameters = {"PhoneNumber": NUMBER, "SendDate": day, "PageSize": "10", "CurrentPage": "1"}
    answer = bench.accepted("QuerySendDetails", parameters)
    (row,) = answer["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    found = (row["PhoneNum"], row["SendStatus"], row["ErrCode"], row["OutId"], row["Content"])
    expect(found == (NUMBER, 3, "DELIVERED", LABEL, SHOWN), f"found {found}")
    return YES


def read_template(bench):
    bench.simulator.templates({"SMS_1": "亲爱的${name}，您好。"})
    answer = bench.accepted("GetSmsTemplate", {"TemplateCode": "SMS_1"})
    expect(answer["TemplateContent"] == "亲爱的${name}，您好。", f"found {answer}")
    expect(str(answer["TemplateStatus"]) == "1", f"found {answer}")
    return YES


def list_templates(bench):
    bench.simulator.templates({"SMS_1": "a", "SMS_2": {"text": "b", "status": "rejected"}})
    answer = bench.accepted("QuerySmsTemplateList", {"PageIndex": "1", "PageSize": "10"})
    found = [(row["TemplateCode"], row["AuditStatus"]) for row in answer["SmsTemplateList"]]
    expect(found == [("SMS_1", "AUDIT_STATE_PASS"), ("SMS_2", "AUDIT_STATE_NOT_PASS")], f"found {found}")
    return YES


def read_signature(bench):
    answer = bench.accepted("GetSmsSign", {"SignName": "阿里云"})
    expect((answer["SignName"], str(answer["SignStatus"])) == ("阿里云", "1"), f"found {answer}")
    return YES


def list_signatures(bench):
    answer = bench.accepted("QuerySmsSignList", {"PageIndex": "1", "PageSize": "10"})
    expect([row["SignName"] for row in answer["SmsSignList"]] == ["阿里云"], f"found {answer}")
    return YES


def send_abroad(bench):
    answer = bench.accepted("SendMessageToGlobe", {"To": ABROAD, "Message": "Hi & bye ü+1", "TaskId": LABEL})
    (message,) = bench.simulator.messages()
    expect(message["message_id"] == str(answer["MessageId"]), f"answered {answer}")
    expect((message["content"], message["task_id"]) == ("Hi & bye ü+1", LABEL), f"arrived as {message}")
    return YES


def send_thousand_abroad(bench):
    parameters = {"To": json.dumps(FAR), "Message": json.dumps([f"Hi {number}" for number in FAR])}
    answer = bench.accepted("BatchSendMessageToGlobe", parameters)
    expect(bench.simulator.counts() == dict.fromkeys(FAR, 1), "not one message for each")
    expect(len(set(json.loads(answer["MessageIdList"]))) == len(FAR), "not an id for each")
    return YES


def failed_abroad(bench):
    parameters = {"To": json.dumps([ABROAD, "85251000501"]), "Message": json.dumps(["a", "b"])}
    answer = bench.accepted("BatchSendMessageToGlobe", parameters)
    expect(json.loads(answer["FailedList"]) == ["85251000501"], f"answered {answer}")
    expect(bench.simulator.counts() == {ABROAD: 1}, "not the good number alone")
    return YES


def query_abroad(bench):
    answer = bench.accepted("SendMessageToGlobe", {"To": ABROAD, "Message": "one"})
    found = bench.accepted("QueryMessage", {"MessageId": str(answer["MessageId"])})
    expect((str(found["Status"]), found["ErrorCode"]) == ("1", "DELIVERED"), f"found {found}")
    return YES


def refused_number(bench):
    shown = bench.refused("SendSms", single("13800000501"), code="isv.MOBILE_NUMBER_ILLEGAL")
    expect(bench.simulator.counts() == {}, "a message arrived")
    return shown


def wrong_secret(bench):
    made = bench.call("SendSms", single(), secret="other")
    expect(isinstance(made, Raised), f"no error: {made}")
    # what the older Python SDK makes of it, once it has compared the text to sign with its own
    codes = ("SignatureDoesNotMatch", "InvalidAccessKeySecret")
    expect(made.code in codes or made.name in codes or codes[0] in made.message, f"{made}: {made.message}")
    expect(bench.simulator.counts() == {}, "a message arrived")
    return made.shown("SignatureDoesNotMatch")


def unknown_key(bench):
    return bench.refused("SendSms", single(), code="InvalidAccessKeyId.NotFound", key="nobody")


def throttled(bench):
    bench.simulator.misbehave("throttle", action="SendSms", seconds=2, times=None)
    return bench.refused("SendSms", single(), code="Throttling.User")


def unavailable(bench):
    bench.simulator.misbehave("error_503", action="SendSms", times=None)
    return bench.refused("SendSms", single(), code="ServiceUnavailable")


def lost_answer(bench):
    """Accept what a client makes of it, for they differ, but not a second message that nobody hears of."""
    bench.simulator.misbehave("drop_after", action="SendSms", times=1)
    made = bench.call("SendSms", single())
    expect(not isinstance(made, NoSuchCall), "no such call")
    arrived = bench.simulator.stats()["accepted"]
    expect(arrived > 0, "no message arrived")
    if isinstance(made, Answer):
        return f"`OK`, **{arrived} messages**"
    expect(arrived == 1, f"{arrived} messages and {made}")
    return f"{made.shown('')}, 1 message"


CHECKS = {
    "`SendSms`": send_one,
    "`SendBatchSms`, 100 numbers": send_hundred,
    "`QuerySendDetails`": query_details,
    "`GetSmsTemplate`": read_template,
    "`QuerySmsTemplateList`": list_templates,
    "`GetSmsSign`": read_signature,
    "`QuerySmsSignList`": list_signatures,
    "`SendMessageToGlobe`": send_abroad,
    "`BatchSendMessageToGlobe`, 1,000 numbers": send_thousand_abroad,
    "`BatchSendMessageToGlobe`, one number fails": failed_abroad,
    "`QueryMessage`": query_abroad,
}

TOKEN = "made-up/+=="


def right_token(bench):
    bench.accepted("SendSms", single(), token=TOKEN)
    return YES


def wrong_token(bench):
    return bench.refused("SendSms", single(), token="another", code="InvalidSecurityToken.Malformed")


# of a simulator that wants an STS token
WITH_TOKEN = {"with an STS token": right_token}
WRONG_TOKEN = {"wrong STS token (`InvalidSecurityToken.Malformed`)": wrong_token}

ERRORS = {
    "number refused (`isv.MOBILE_NUMBER_ILLEGAL`)": refused_number,
    "wrong secret (`SignatureDoesNotMatch`)": wrong_secret,
    "wrong AccessKey ID (`InvalidAccessKeyId.NotFound`)": unknown_key,
    "throttled (`Throttling.User`)": throttled,
    "HTTP 503 (`ServiceUnavailable`)": unavailable,
    "answer lost": lost_answer,
}
