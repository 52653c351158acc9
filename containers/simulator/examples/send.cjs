// SPDX-License-Identifier: Apache-2.0
const { default: Client, SendSmsRequest } = require("@alicloud/dysmsapi20170525");
const { Config } = require("@alicloud/openapi-core").$OpenApiUtil;

const client = new Client(
  new Config({
    accessKeyId: "testid",
    accessKeySecret: "testsecret",
    endpoint: process.env.SMS_ENDPOINT ?? "127.0.0.1:8025",
    protocol: "http",
  }),
);
const request = new SendSmsRequest({
  phoneNumbers: "13800001234",
  signName: "阿里云",
  templateCode: "SMS_152550005",
  templateParam: '{"code": "1234"}',
});
client.sendSms(request).then((answer) => console.log(answer.body.code));
