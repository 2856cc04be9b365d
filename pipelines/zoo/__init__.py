"""Models of the zoo from what the pipeline made: zoo/NAME.yaml says how one is trained, and what its card says.

`make zoo MODEL=NAME` checks that file, trains in .scratch/zoo/NAME (`flows.zoo_model`), and adds the model.
"""
