from vecsearch import Preprocess, SimpleEncoder


class MeanColour(SimpleEncoder):
    name = "mean-colour"

    def __init__(self, grid=4, preprocess=None):
        super().__init__(preprocess or Preprocess((32, 32)), grid=grid)

    def vectors(self, images):
        n, height, width, channels = images.shape
        grid = self.params["grid"]
        fields = images.reshape(n, grid, height // grid, grid, width // grid, channels)
        return fields.mean(axis=(2, 4)).reshape(n, grid * grid * channels)
