// SPDX-License-Identifier: Apache-2.0

// Carry out calls that come as lines of JSON with aliyungo, a Go SDK of the community, which knows two of them.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/denverdino/aliyungo/common"
	"github.com/denverdino/aliyungo/sms"
)

type wish struct {
	Action     string
	Parameters json.RawMessage
	URL        string
	Key        string
	Secret     string
	Token      string
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked wish
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		said, err := json.Marshal(said(asked))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(said))
	}
}

func said(asked wish) map[string]any {
	answer, err := call(asked)
	switch problem := err.(type) {
	case nil:
		if answer == nil {
			return map[string]any{"unsupported": true}
		}
		return map[string]any{"answer": answer}
	case *common.Error:
		return failed("common.Error", problem.Code, problem.Message)
	default:
		return failed(fmt.Sprintf("%T", err), "", err.Error())
	}
}

func failed(name string, code string, message string) map[string]any {
	return map[string]any{"error": map[string]any{"name": name, "code": code, "message": message, "retry_after": nil}}
}

func call(asked wish) (any, error) {
	client := sms.NewDYSmsClient(asked.Key, asked.Secret)
	client.SetEndpoint(asked.URL + "/")
	client.SetSecurityToken(asked.Token)
	switch asked.Action {
	case "SendSms":
		var args sms.SendSmsArgs
		if err := json.Unmarshal(asked.Parameters, &args); err != nil {
			return nil, err
		}
		return client.SendSms(&args)
	case "QuerySendDetails":
		var args sms.QuerySmsArgs
		if err := json.Unmarshal(asked.Parameters, &args); err != nil {
			return nil, err
		}
		return client.QuerySms(&args)
	}
	return nil, nil
}
